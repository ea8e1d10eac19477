//! A configuration of the broker for a world, with the files that it names.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{World, ca, entropy};

/// A configuration, in a folder of its own that goes with it. Written as JSON, which is YAML too.
#[derive(Debug)]
pub struct Configuration {
    /// What [`Configuration::write`] writes.
    pub config: Value,
    folder: TempDir,
}

/// Which databases of a world a configuration is for.
#[derive(Clone, Copy, Debug)]
pub struct Databases<'a> {
    /// The ledger, for its owner.
    pub ledger_owner_url: &'a str,
    /// The ledger, for the running broker.
    pub ledger_writer_url: &'a str,
    /// The name of the target on its server.
    pub target: &'a str,
    /// What the keys in Redis begin with.
    pub prefix: &'a str,
}

impl Configuration {
    /// One role for each way of sharing, for all subjects that begin with `app-`, and an `operator`.
    pub fn usual(world: &World, databases: Databases<'_>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let mut usual = Self { config: Value::Null, folder };
        let tls = world.ca().issue_to(usual.folder(), &["localhost", "127.0.0.1"])?;
        let (ca, orders) = (world.ca_path(), world.orders());
        usual.config = json!({
            "server": {
                "listen": "127.0.0.1:0",
                "admin_listen": "127.0.0.1:0",
                "tls": { "cert": tls.certificate, "key": tls.key },
                "reload_every": "50ms",
                "limits": { "rate": { "per_second": 10000, "burst": 10000 } },
            },
            "ledger": {
                "url": usual.secret("ledger", databases.ledger_writer_url)?,
                "owner_url": usual.secret("owner", databases.ledger_owner_url)?,
                "ca": ca,
            },
            "cache": { "redis": {
                "url": usual.secret("redis", &world.redis().url())?,
                "ca": ca,
                "prefix": databases.prefix,
            } },
            "seal": { "keys": [{ "id": "first", "key": usual.secret("seal", &entropy::key()?)? }] },
            "audit": { "key": usual.secret("audit", &entropy::key()?)? },
            "issuers": {
                "cluster": {
                    "kind": "oidc",
                    "issuer": world.oidc().issuer(),
                    "audiences": ["dsn-broker"],
                    "algorithms": ["RS256", "ES256", "EdDSA"],
                    "ca": ca,
                },
            },
            "databases": { "orders": {
                "engine": "postgres",
                "dbname": databases.target,
                "endpoints": { "primary": { "host": orders.host(), "port": orders.port() } },
                "tls": { "ca": { "file": ca } },
                "admin": {
                    "username": "broker_admin",
                    "password": usual.secret("orders-admin", world.orders_admin_password())?,
                },
            } },
            "roles": {
                "orders-reader": role("workload"),
                "orders-instance": role("instance"),
                "orders-request": role("request"),
                "orders-everyone": role("role"),
                "orders-unbound": role("workload"),
            },
            "bindings": [
                {
                    "workloads": { "issuer": "cluster", "subject": "app-*" },
                    "roles": ["orders-reader", "orders-instance", "orders-request", "orders-everyone"],
                },
            ],
            "operators": [{
                "workloads": { "issuer": "cluster", "subject": "operator" },
                "may": ["leases", "revoke", "audit"],
            }],
        });
        Ok(usual)
    }

    /// The same for another replica: same ledger, same cache, same keys, files of its own.
    pub fn replica(&self) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        for entry in std::fs::read_dir(self.folder())? {
            let entry = entry?;
            std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
        let from = self.folder().to_str().context("a path is not UTF-8")?;
        let to = folder.path().to_str().context("a path is not UTF-8")?;
        let config = serde_json::from_str(&self.config.to_string().replace(from, to))?;
        Ok(Self { config, folder })
    }

    /// Changes the configuration by a JSON merge patch (RFC 7396): null removes, what is no object replaces.
    pub fn merge(&mut self, patch: &Value) {
        merge(&mut self.config, patch);
    }

    /// A key as `seal.keys` and `audit.key` want it.
    pub fn key() -> anyhow::Result<String> {
        entropy::key()
    }

    /// Puts a secret into a file of its own, and refers to it.
    pub fn secret(&self, name: &str, text: &str) -> anyhow::Result<Value> {
        let path = self.folder().join(name);
        ca::write(&path, text)?;
        Ok(json!({ "file": path }))
    }

    /// Where the configuration is.
    pub fn file(&self) -> PathBuf {
        self.folder().join("broker.yaml")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration, as a whole or not at all.
    pub fn write(&self) -> anyhow::Result<()> {
        let new = self.folder().join("broker.yaml.new");
        ca::write(&new, &serde_json::to_string_pretty(&self.config)?)?;
        std::fs::rename(new, self.file()).context("the configuration cannot be replaced")
    }
}

/// A role on the target, shared as said.
pub fn role(share: &str) -> Value {
    json!({
        "database": "orders",
        "credential": { "kind": "dynamic_user", "member_of": ["orders_ro"] },
        "ttl": "1h",
        "max_ttl": "4h",
        "share": share,
    })
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return target.clone_from(patch) };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(target) = target else { return };
    for (name, patch) in patch {
        match patch {
            Value::Null => drop(target.shift_remove(name)),
            patch => merge(target.entry(name).or_insert(Value::Null), patch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_adds_replaces_and_removes() {
        let mut config = json!({ "a": { "b": 1, "c": 2 }, "d": [1, 2], "e": 3 });
        merge(
            &mut config,
            &json!({ "a": { "b": 4, "c": null, "f": { "g": 5 } }, "d": [6], "e": { "h": 7 } }),
        );
        assert_eq!(config, json!({ "a": { "b": 4, "f": { "g": 5 } }, "d": [6], "e": { "h": 7 } }));
    }
}
