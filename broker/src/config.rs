//! The configuration: one YAML file, parsed into its final shape.
//!
//! Secrets are references ([`SecretRef`]) that are read when a component is built, never values in the file.

mod audit;
mod binding;
mod cache;
mod check;
mod claim_path;
mod database;
mod files;
mod glob;
mod issuer;
mod ledger;
mod load;
mod located;
mod mistake;
mod privileges;
mod provider;
mod role;
mod rotated_password;
mod schema;
mod seal;
mod secret_ref;
mod server;
mod units;
mod validate;
mod via;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use audit::Audit;
pub use binding::{Binding, Operator, Right, WorkloadPattern};
pub use cache::{Cache, LocalCache, RedisCache};
pub use claim_path::{ClaimPath, ClaimPathError};
pub use database::{
    Admin, Ca, Database, Endpoint, EndpointKind, EndpointTls, Sweep, SweepMode, Tls, TlsMode,
};
pub use glob::Glob;
pub use issuer::{
    Algorithm, ApiKey, ApiKeyIssuer, BundleSource, Issuer, JwksSource, KubernetesIssuer, OidcIssuer,
    SpiffeIssuer, SvidKind, TokenReview, WhenUnavailable,
};
pub use ledger::Ledger;
pub use mistake::{ConfigError, Mistake};
pub use privileges::{Place, Privileges};
pub use provider::{Api, Db9, Neon, PlanetScale, Rds, RdsCredentials, ServiceToken};
pub use role::{Access, ConnectToken, CredentialSpec, DynamicUser, QuerySafety, Role};
pub use rotated_password::{Adopt, Rotate, RotatedPassword};
pub use seal::{Seal, SealKey};
pub use secret_ref::{SecretError, SecretRef};
pub use server::{Limits, LogFormat, Rate, Server, ServerTls};
pub use units::{Size, Span, UnitError};
pub use via::{Verified, Via};

use crate::model::{DatabaseName, IssuerName, RoleName};

/// The whole configuration of a broker.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "The configuration of dsn-broker")]
pub struct Config {
    /// Where and how the broker listens.
    pub server: Server,
    /// The broker's own Postgres.
    pub ledger: Ledger,
    /// Where issued credentials are shared between replicas.
    pub cache: Cache,
    /// The keys that seal credentials in the cache.
    pub seal: Seal,
    /// The tamper-evident record.
    pub audit: Audit,
    /// Whose proofs of identity are accepted.
    pub issuers: BTreeMap<IssuerName, Issuer>,
    /// What can be connected to.
    pub databases: BTreeMap<DatabaseName, Database>,
    /// Which sets of privileges can be asked for.
    pub roles: BTreeMap<RoleName, Role>,
    /// Which workloads may use which roles. Default: none.
    #[serde(default)]
    pub bindings: Vec<Binding>,
    /// Which workloads may operate the broker. Default: none.
    #[serde(default)]
    pub operators: Vec<Operator>,
    #[serde(skip)]
    warnings: Vec<Mistake>,
    #[serde(skip)]
    files: Vec<std::path::PathBuf>,
    #[serde(skip)]
    text: Vec<u8>,
}

impl Config {
    /// What is not wrong, but may not be meant.
    pub fn warnings(&self) -> &[Mistake] {
        &self.warnings
    }

    /// The text that it was read from, without the files that it names.
    pub fn text(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests;
