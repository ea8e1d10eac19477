//! `cache`: where issued credentials are shared between replicas.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{SecretRef, Span};

/// Where issued credentials are kept, sealed, until they are due to be replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Cache {
    /// Redis, shared by all replicas.
    Redis(RedisCache),
    /// This process alone: for one replica only.
    Local(LocalCache),
}

/// A Redis server, a set of Sentinels, or a Cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RedisCache {
    /// Where it is: `rediss://user:password@host:port/0`. Several, separated by commas, for a Cluster or Sentinels.
    pub url: SecretRef,
    /// The CA that signed its certificate. Default: the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// The name of the master, when the URLs are those of Sentinels.
    #[serde(default)]
    pub sentinel_master: Option<String>,
    /// Whether the URLs are those of a Cluster's nodes.
    #[serde(default)]
    pub cluster: bool,
    /// What all keys and channels begin with.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// How long an answer may take before the broker goes on without Redis.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// The memory of this process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalCache {}

fn prefix() -> String {
    "dsn:".to_owned()
}

fn timeout() -> Span {
    Span(Duration::from_millis(500))
}
