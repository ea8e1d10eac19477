//! `databases`: what can be connected to.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
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
    /// Which certificates are trusted. Default: those of the system's roots.
    #[serde(default)]
    pub tls: Tls,
    /// The broker's own credential there.
    pub admin: Admin,
    /// How many things the broker does there at the same time. Default: `8`.
    #[serde(default = "concurrency")]
    pub concurrency: u32,
    /// How long one of them may take. Default: `10s`.
    #[serde(default = "timeout")]
    pub timeout: Span,
    /// What is done about users of ours that no lease accounts for. Default: as its keys say.
    #[serde(default)]
    pub sweep: Sweep,
}

/// A named way into a database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// The host name, as it stands in the server's certificate.
    pub host: String,
    /// The port. Default: `5432`.
    #[serde(default = "port")]
    pub port: u16,
    /// Where this endpoint's TLS differs from the database's. Default: nowhere.
    #[serde(default)]
    pub tls: Option<EndpointTls>,
    /// libpq's `target_session_attrs`, e.g. `read-write` where `host` resolves to several servers. Default: none.
    #[serde(default)]
    pub target_session_attrs: Option<String>,
    /// How long a driver may take to connect; whole seconds. Default: `10s`.
    #[serde(default = "connect_timeout")]
    pub connect_timeout: Span,
}

/// Which certificates are trusted for a database.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Who must have signed the server's certificate: `system` or `{file: …}`. Default: `system`.
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
    /// How much is verified. Weaker than `verify-full` needs `because`. Default: `verify-full`.
    #[serde(default)]
    pub mode: TlsMode,
    /// Why this endpoint cannot be verified in full; shown by `check` and kept in the audit. Default: none.
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
    /// The endpoint through which the broker connects; never a pooler. Default: `primary`.
    #[serde(default = "primary")]
    pub endpoint: EndpointName,
}

/// The search for users of ours that no lease accounts for.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What is done about them. Default: `report`.
    #[serde(default)]
    pub mode: SweepMode,
    /// How often they are looked for. At least `1s`. Default: `10m`.
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

impl Database {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let endpoints = key.at("endpoints");
        if self.endpoints.is_empty() {
            mistakes.add(endpoints.clone(), "there is no endpoint: name at least `primary`");
        } else if !self.endpoints.contains_key(&self.admin.endpoint) {
            let (endpoint, known) = (&self.admin.endpoint, check::list(self.endpoints.keys()));
            let message = format!("the database has no endpoint `{endpoint}`; it has {known}");
            mistakes.add(key.at("admin").at("endpoint"), message);
        }
        for (name, endpoint) in &self.endpoints {
            endpoint.check(&endpoints.at(name), mistakes);
        }
        check::not_blank(&self.dbname, key.at("dbname"), mistakes);
        if let Ca::File(file) = &self.tls.ca {
            check::authorities(file, &key.at("tls").at("ca"), mistakes);
        }
        check::not_blank(&self.admin.username, key.at("admin").at("username"), mistakes);
        check::secret(&self.admin.password, &key.at("admin").at("password"), mistakes);
        check::not_zero(self.concurrency as usize, key.at("concurrency"), mistakes);
        check::at_least(Span(Duration::from_millis(10)), self.timeout, key.at("timeout"), mistakes);
        check::at_least(Span::secs(1), self.sweep.every, key.at("sweep").at("every"), mistakes);
    }
}

impl Endpoint {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let host = self.host.as_str();
        let is_ip = host.parse::<std::net::IpAddr>().is_ok();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        if host.is_empty() || !(is_ip || host.bytes().all(plain)) {
            let message =
                format!("{host:?} is not one host name or address, as it stands in the server's certificate");
            mistakes.add(key.at("host"), message);
        }
        check::not_zero(self.port.into(), key.at("port"), mistakes);
        if let Some(attrs) =
            self.target_session_attrs.as_deref().filter(|attrs| !SESSION_ATTRS.contains(attrs))
        {
            let message = format!("libpq does not know {attrs:?}; it knows {}", check::list(SESSION_ATTRS));
            mistakes.add(key.at("target_session_attrs"), message);
        }
        let connect_timeout = self.connect_timeout.0;
        if connect_timeout.is_zero() || connect_timeout.subsec_nanos() != 0 {
            let message = format!("{} is not a number of whole seconds, at least 1s", self.connect_timeout);
            mistakes.add(key.at("connect_timeout"), message);
        }
        if let Some(tls) = &self.tls {
            tls.check(&key.at("tls"), mistakes);
        }
    }
}

impl EndpointTls {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let because = self.because.as_deref().map(str::trim);
        match (self.mode, because) {
            (TlsMode::VerifyFull, Some(_)) => {
                let message = "nothing is weakened here: remove it, or say what with `mode`";
                mistakes.add(key.at("because"), message);
            }
            (TlsMode::VerifyCa, None | Some("")) => {
                let message = "weaker than verify-full: any server with a certificate of that CA could pose as this one; \
                               say why it must be with `because: …`";
                mistakes.add(key.at("mode"), message);
            }
            _ => {}
        }
        if let Some(Ca::File(file)) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
    }
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

/// What `target_session_attrs` can be (libpq, §32.1.2).
const SESSION_ATTRS: [&str; 6] = ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"];
