//! `cache`: where issued credentials are shared between replicas.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
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
    /// The name of the master, when the URLs are those of Sentinels. Default: none, they are not.
    #[serde(default)]
    pub sentinel_master: Option<String>,
    /// Whether the URLs are those of a Cluster's nodes. Default: `false`.
    #[serde(default)]
    pub cluster: bool,
    /// What all keys and channels begin with. Default: `dsn:`.
    #[serde(default = "prefix")]
    pub prefix: String,
    /// How long an answer may take before the broker goes on without Redis. Default: `500ms`.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

/// The memory of this process.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalCache {}

impl Cache {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        match self {
            Self::Redis(redis) => redis.check(&key.at("redis"), mistakes),
            Self::Local(LocalCache {}) => {}
        }
    }
}

impl RedisCache {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        if let Some(secret) = check::secret(&self.url, &key.at("url"), mistakes) {
            let urls: Vec<_> = secret.expose().split(',').collect();
            if let Some(wrong) = urls.iter().find_map(|url| wrong_with(url)) {
                mistakes.add(key.at("url"), wrong);
            }
            if urls.len() > 1 && !self.cluster && self.sentinel_master.is_none() {
                let message = "it refers to several servers: say `cluster: true` or `sentinel_master: …`";
                mistakes.add(key.at("url"), message);
            }
        }
        if self.cluster && self.sentinel_master.is_some() {
            let message = "a Cluster has no Sentinels: remove `sentinel_master` or `cluster`";
            mistakes.add(key.at("sentinel_master"), message);
        }
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        check::not_blank(&self.prefix, key.at("prefix"), mistakes);
        check::at_least(Span(Duration::from_millis(10)), self.timeout, key.at("timeout"), mistakes);
    }
}

/// What is wrong with the URL of a Redis server. It may hold a password, and is not shown.
fn wrong_with(url: &str) -> Option<&'static str> {
    match Url::parse(url.trim()) {
        Ok(url) if url.scheme() == "rediss" => None,
        Ok(url) if url.scheme() == "redis" && check::is_loopback(&url) => None,
        Ok(url) if url.scheme() == "redis" => Some(
            "what it refers to begins with redis://, which is without TLS: write rediss:// (redis:// only on loopback)",
        ),
        _ => Some("what it refers to is not a URL like rediss://user:password@host:6379/0"),
    }
}

fn prefix() -> String {
    "dsn:".to_owned()
}

fn timeout() -> Span {
    Span(Duration::from_millis(500))
}
