//! The configuration of a stand: written as JSON, which is YAML too.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use devstack::{Claims, World};
use dsn_broker::entropy::{SystemEntropy, bytes};
use dsn_broker::time::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::seconds;

/// A configuration with its files, and the servers that it names.
pub struct Settings {
    pub world: &'static World,
    pub config: Value,
    /// The name of this stand's database in the ledger's server.
    pub ledger: String,
    /// The name of this stand's database in the target's server.
    pub target: String,
    pub owner_url: String,
    pub writer_url: String,
    pub ca_path: PathBuf,
    folder: TempDir,
}

impl Settings {
    /// The usual configuration, with databases of its own named after `name`.
    pub async fn new(world: &'static World, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (ledger, target) = (format!("ledger_{name}"), format!("orders_{name}"));
        create(world, &ledger, &target).await;
        let database = |url: String, name: &str| rename(&url, name);
        let mut settings = Self {
            owner_url: database(world.ledger_owner_url(), &ledger),
            writer_url: database(world.ledger_writer_url(), &ledger),
            ca_path: world.ca_path().to_owned(),
            config: Value::Null,
            world,
            ledger,
            target,
            folder,
        };
        settings.config = settings.usual(name);
        settings
    }

    /// A replica's own copy of this configuration: same ledger, same cache, same keys.
    pub fn replica(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
        Self {
            world: self.world,
            config: self.config.clone(),
            ledger: self.ledger.clone(),
            target: self.target.clone(),
            owner_url: self.owner_url.clone(),
            writer_url: self.writer_url.clone(),
            ca_path: self.ca_path.clone(),
            folder,
        }
    }

    fn usual(&self, name: &str) -> Value {
        let key = || BASE64_STANDARD.encode(bytes::<32>(&SystemEntropy));
        let tls = self.world.ca().issue_to(self.folder.path(), &["localhost", "127.0.0.1"]).unwrap();
        let (world, orders) = (self.world, self.world.orders());
        json!({
            "server": {
                "listen": "127.0.0.1:0",
                "admin_listen": "127.0.0.1:0",
                "tls": { "cert": tls.certificate, "key": tls.key },
                "reload_every": "50ms",
                "limits": { "rate": { "per_second": 10000, "burst": 10000 } },
            },
            "ledger": {
                "url": self.secret("ledger", &self.writer_url),
                "owner_url": self.secret("owner", &self.owner_url),
                "ca": self.ca_path,
            },
            "cache": { "redis": {
                "url": self.secret("redis", &world.redis().url()),
                "ca": self.ca_path,
                "prefix": format!("dsn:{name}:"),
            } },
            "seal": { "keys": [{ "id": "first", "key": self.secret("seal", &key()) }] },
            "audit": { "key": self.secret("audit", &key()) },
            "issuers": {
                "cluster": {
                    "kind": "oidc",
                    "issuer": world.oidc().issuer(),
                    "audiences": ["dsn-broker"],
                    "algorithms": ["RS256", "ES256", "EdDSA"],
                    "ca": self.ca_path,
                },
            },
            "databases": { "orders": {
                "engine": "postgres",
                "dbname": self.target,
                "endpoints": { "primary": { "host": orders.host(), "port": orders.port() } },
                "tls": { "ca": { "file": self.ca_path } },
                "admin": {
                    "username": "broker_admin",
                    "password": self.secret("orders-admin", world.orders_admin_password()),
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
        })
    }

    /// Puts a secret into a file of its own, and refers to it.
    pub fn secret(&self, name: &str, text: &str) -> Value {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.folder.path().join(name);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
        json!({ "file": path })
    }

    /// Where the configuration is.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("broker.yaml")
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes the configuration.
    pub fn write(&self) {
        let new = self.folder.path().join("broker.yaml.new");
        std::fs::write(&new, serde_json::to_string_pretty(&self.config).unwrap()).unwrap();
        std::fs::rename(new, self.file()).unwrap();
    }

    /// A good token for this subject.
    pub fn token(&self, subject: &str, now: Timestamp) -> String {
        let claims = Claims::of(subject).now(seconds(now)).lifetime(Duration::from_secs(3600));
        self.world.oidc().mint(&claims).unwrap()
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

async fn create(world: &World, ledger: &str, target: &str) {
    let server = world.ledger();
    server.execute("postgres", &format!("create database {ledger} owner ledger_owner")).await.unwrap();
    let orders = world.orders();
    orders.execute("postgres", &format!("create database {target} template orders")).await.unwrap();
}

/// The same URL with another database.
fn rename(url: &str, database: &str) -> String {
    let mut url = url::Url::parse(url).unwrap();
    url.set_path(database);
    url.into()
}
