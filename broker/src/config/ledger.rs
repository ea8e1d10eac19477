//! `ledger`: the broker's own Postgres.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{SecretRef, Span};

/// The broker's own Postgres: the states of the leases and the audit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Where it is, as the broker's unprivileged user: `postgres://user:password@host/ledger`.
    pub url: SecretRef,
    /// The same as the user that owns the schema, for `dsn-broker migrate`. Default: `url`.
    #[serde(default)]
    pub owner_url: Option<SecretRef>,
    /// The CA that signed its certificate. Default: the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Whether `serve` brings the schema up to date before it starts. Default: `false`.
    #[serde(default)]
    pub migrate_at_start: bool,
    /// The most connections one replica opens. Default: `8`.
    #[serde(default = "connections")]
    pub connections: u32,
    /// How many changes may wait to be written; beyond that the broker answers 503. Default: `4096`.
    #[serde(default = "queue")]
    pub queue: usize,
    /// How long a write may take, waiting included. Default: `5s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
}

impl Ledger {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        postgres_url(&self.url, &key.at("url"), mistakes);
        if let Some(url) = &self.owner_url {
            postgres_url(url, &key.at("owner_url"), mistakes);
        }
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        check::not_zero(self.connections as usize, key.at("connections"), mistakes);
        check::not_zero(self.queue, key.at("queue"), mistakes);
        check::at_least(Span(Duration::from_millis(10)), self.timeout, key.at("timeout"), mistakes);
    }
}

fn postgres_url(reference: &SecretRef, key: &Key, mistakes: &mut Mistakes) {
    let Some(secret) = check::secret(reference, key, mistakes) else { return };
    // The error of the parser is left out: it could show a part of the secret.
    let scheme = Url::parse(secret.expose()).map(|url| url.scheme().to_owned());
    if !matches!(scheme.as_deref(), Ok("postgres" | "postgresql")) {
        mistakes.add(key.clone(), "what it refers to is not a URL like postgres://user:password@host/ledger");
    }
}

fn connections() -> u32 {
    8
}

fn queue() -> usize {
    4096
}

fn timeout() -> Span {
    Span(Duration::from_secs(5))
}
