//! `databases`: what can be connected to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{SecretRef, Span};
use crate::model::{EndpointName, EngineKind};

/// A place to connect to, with the engine that makes credentials for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// What makes credentials for it.
    pub engine: EngineKind,
    /// The ways into it.
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// The name of the database on its server.
    pub dbname: String,
    /// Which certificates are trusted.
    #[serde(default)]
    pub tls: Tls,
    /// The broker's own credential there.
    pub admin: Admin,
    /// How many things the broker does there at the same time.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// How long one of them may take.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// What is done about users of ours that no lease accounts for.
    #[serde(default)]
    pub sweep: Sweep,
}

/// A named way into a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The host name, as it stands in the server's certificate.
    pub host: String,
    /// The port.
    #[serde(default = "port")]
    pub port: u16,
    /// Where this endpoint's TLS differs from the database's.
    #[serde(default)]
    pub tls: Option<EndpointTls>,
    /// libpq's `target_session_attrs`, e.g. `read-write` where `host` resolves to several servers.
    #[serde(default)]
    pub target_session_attrs: Option<String>,
    /// How long a driver may take to connect; whole seconds.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
}

/// Which certificates are trusted for a database.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Who must have signed the server's certificate.
    #[serde(default)]
    pub ca: Ca,
}

/// Who must have signed a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ca {
    /// The operating system's roots.
    #[default]
    System,
    /// The certificates in this PEM file.
    File(PathBuf),
}

/// Where an endpoint's TLS differs from its database's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointTls {
    /// Who must have signed this endpoint's certificate. Default: as for the database.
    #[serde(default)]
    pub ca: Option<Ca>,
    /// How much is verified. Weaker than `verify-full` needs `because`.
    #[serde(default)]
    pub mode: TlsMode,
    /// Why this endpoint cannot be verified in full; shown by `check` and kept in the audit.
    #[serde(default)]
    pub because: Option<String>,
}

/// How much of a server's certificate is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// The chain and the host name.
    #[default]
    VerifyFull,
    /// The chain alone: for servers whose certificate cannot name them.
    VerifyCa,
}

/// The broker's own credential at a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// The user.
    pub username: String,
    /// Its password.
    pub password: SecretRef,
    /// The endpoint through which the broker connects; never a pooler.
    #[serde(default = "primary")]
    pub endpoint: EndpointName,
}

/// The search for users of ours that no lease accounts for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What is done about them.
    #[serde(default)]
    pub mode: SweepMode,
    /// How often they are looked for.
    #[serde(default = "sweep_every")]
    pub every: Span,
}

/// What is done about users of ours that no lease accounts for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SweepMode {
    /// They are logged, counted and shown.
    #[default]
    Report,
    /// They are removed.
    Remove,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { mode: SweepMode::default(), every: sweep_every() }
    }
}

fn concurrency() -> u32 {
    8
}

fn timeout() -> Span {
    Span(Duration::from_secs(10))
}

fn port() -> u16 {
    5432
}

fn connect_timeout() -> Span {
    Span(Duration::from_secs(10))
}

#[expect(clippy::expect_used, reason = "the literal is a name")]
fn primary() -> EndpointName {
    "primary".parse().expect("a name")
}

fn sweep_every() -> Span {
    Span(Duration::from_secs(600))
}
