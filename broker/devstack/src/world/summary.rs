//! What one needs to know to use a world from outside of its process.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::World;
use crate::{Provided, ca};

/// The world's addresses and secrets; write it only where others cannot read.
#[derive(Clone, Serialize)]
pub struct Summary {
    /// The process that holds the world.
    pub pid: u32,
    /// A folder that goes with the world.
    pub folder: PathBuf,
    /// The authority's certificate.
    pub ca_path: PathBuf,
    /// A certificate for a broker on `localhost`.
    pub broker_certificate: PathBuf,
    /// Its key.
    pub broker_key: PathBuf,
    /// The ledger for its owner.
    pub ledger_owner_url: String,
    /// The ledger for the running broker.
    pub ledger_writer_url: String,
    /// The target's host.
    pub orders_host: String,
    /// The target's port.
    pub orders_port: u16,
    /// The target for `broker_admin`.
    pub orders_admin_url: String,
    /// The password of `broker_admin`.
    pub orders_admin_password: String,
    /// The superuser of the target's server.
    pub orders_superuser_url: String,
    /// The cache.
    pub redis_url: String,
    /// The issuer of tokens.
    pub oidc_issuer: String,
    /// The same keys over plain HTTP.
    pub oidc_http_issuer: String,
    /// Where to `POST` for a token.
    pub oidc_mint_url: String,
    /// The databases beside `orders`, as the broker's configuration has them.
    pub databases: Map<String, Value>,
    /// The roles there, likewise.
    pub roles: Map<String, Value>,
}

impl Summary {
    /// Adds what there is beside the world.
    #[must_use]
    pub fn with(mut self, provided: &[Provided]) -> Self {
        for provided in provided {
            self.databases.extend(provided.databases.clone());
            self.roles.extend(provided.roles.clone());
        }
        self
    }

    /// Writes it as JSON to a file that only its owner can read.
    pub fn write_to(&self, path: &Path) -> anyhow::Result<()> {
        ca::write(path, &serde_json::to_string_pretty(self)?)
    }
}

impl World {
    /// All that is needed to use this world.
    pub fn summary(&self) -> Summary {
        Summary {
            pid: std::process::id(),
            folder: self.folder().to_owned(),
            ca_path: self.ca_path.clone(),
            broker_certificate: self.broker.certificate.clone(),
            broker_key: self.broker.key.clone(),
            ledger_owner_url: self.ledger_owner_url(),
            ledger_writer_url: self.ledger_writer_url(),
            orders_host: self.orders.host().to_owned(),
            orders_port: self.orders.port(),
            orders_admin_url: self.orders_admin_url(),
            orders_admin_password: self.orders_admin_password().to_owned(),
            orders_superuser_url: self.orders.superuser_url(),
            redis_url: self.redis.url(),
            oidc_issuer: self.oidc.issuer().to_owned(),
            oidc_http_issuer: self.oidc.http_issuer().to_owned(),
            oidc_mint_url: format!("{}/mint", self.oidc.issuer()),
            databases: Map::new(),
            roles: Map::new(),
        }
    }
}
