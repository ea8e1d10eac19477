//! `ledger`: the broker's own Postgres.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

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
    /// Whether `serve` brings the schema up to date before it starts.
    #[serde(default)]
    pub migrate_at_start: bool,
    /// The most connections one replica opens.
    #[serde(default = "connections")]
    pub connections: u32,
    /// How many changes may wait to be written; beyond that the broker answers 503.
    #[serde(default = "queue")]
    pub queue: usize,
    /// How long a write may take, waiting included.
    #[serde(default = "timeout")]
    pub timeout: Span,
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
