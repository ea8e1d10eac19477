//! `server`: where and how the broker listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{SecretRef, Size, Span};

/// Where and how the broker listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The public listener, e.g. `0.0.0.0:8443`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Health, readiness and metrics, without TLS, e.g. `127.0.0.1:9090`.
    #[serde(deserialize_with = "address")]
    #[schemars(with = "String")]
    pub admin_listen: SocketAddr,
    /// The certificate of the public listener. Default: none; without it `plain_http` must be true.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// Plain HTTP on the public listener, instead of `tls`. Only on a loopback address. Default: `false`.
    #[serde(default)]
    pub plain_http: bool,
    /// What the broker puts up with. Default: as its keys say.
    #[serde(default)]
    pub limits: Limits,
    /// How long requests in flight may take to end after SIGTERM. Default: `20s`.
    #[serde(default = "grace")]
    pub grace: Span,
    /// How often the configuration and the certificates are looked at for changes. At least `10ms`. Default: `2s`.
    #[serde(default = "reload_every")]
    pub reload_every: Span,
    /// How the log is written. Default: `json`.
    #[serde(default)]
    pub log: LogFormat,
}

/// The certificate of the public listener. Whose client certificates are accepted is said by `spiffe` issuers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// The certificate and its chain (PEM).
    pub cert: PathBuf,
    /// Its private key (PEM). Others than the owner and the group must not be able to read the file.
    pub key: PathBuf,
}

/// What the broker puts up with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body of a request. Default: `64KiB`.
    pub body: Size,
    /// The largest head of a request (HTTP/1.1: all its headers; HTTP/2: the same, as a list). Default: `32KiB`.
    pub head: Size,
    /// How long a client may take to send the head of a request, and to finish the TLS handshake. Default: `10s`.
    pub head_timeout: Span,
    /// How long a request may take, and how long a client may take nothing of its answer. Default: `30s`.
    pub request_timeout: Span,
    /// How many requests are worked on at once; beyond that the broker answers 503. Default: `1024`.
    pub concurrency: usize,
    /// How fast one workload may ask. Default: `50` a second, `500` at once.
    pub rate: Rate,
}

/// How fast one workload may ask.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per second, in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Human,
}

impl Server {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        match (&self.tls, self.plain_http) {
            (None, false) => mistakes.add(
                key.clone(),
                "the public listener has no certificate: give `tls: {cert, key}`, or on a loopback address `plain_http: true`",
            ),
            (Some(_), true) => mistakes
                .add(key.at("plain_http"), "`tls` is given too: the listener speaks one of them, remove the other"),
            (None, true) if !self.listen.ip().is_loopback() => mistakes.add(
                key.at("plain_http"),
                format!("{} is not a loopback address: proofs and passwords would cross the network in the clear", self.listen),
            ),
            _ => {}
        }
        if self.listens_where_admin_does() {
            mistakes.add(key.at("admin_listen"), format!("{} is where `listen` listens", self.admin_listen));
        }
        if let Some(tls) = &self.tls {
            tls.check(&key.at("tls"), mistakes);
        }
        self.limits.check(&key.at("limits"), mistakes);
        check::at_least(Span(Duration::from_millis(10)), self.reload_every, key.at("reload_every"), mistakes);
    }

    fn listens_where_admin_does(&self) -> bool {
        let (public, admin) = (self.listen, self.admin_listen);
        // Port 0 is any free one.
        public.port() != 0
            && public.port() == admin.port()
            && (public.ip() == admin.ip() || public.ip().is_unspecified() || admin.ip().is_unspecified())
    }
}

impl ServerTls {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let chain = check::certificates(&self.cert, &key.at("cert"), mistakes);
        let private = check::secret(&SecretRef::File(self.key.clone()), &key.at("key"), mistakes);
        let Some(private) = private else { return };
        let name = self.key.display();
        match PrivateKeyDer::from_pem_slice(private.expose().as_bytes()) {
            Err(_) => mistakes.add(key.at("key"), format!("{name} has no private key in it: it must be PEM")),
            Ok(_) if chain.is_empty() => {}
            Ok(private) => {
                let provider = rustls::crypto::ring::default_provider();
                if let Err(error) = rustls::sign::CertifiedKey::from_der(chain, private, &Arc::new(provider))
                {
                    let cert = self.cert.display();
                    mistakes.add(key.at("key"), format!("{name} and {cert} do not go together: {error}"));
                }
            }
        }
    }
}

impl Limits {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check::not_zero(self.body.0, key.at("body"), mistakes);
        check::not_zero(self.head.0, key.at("head"), mistakes);
        check::not_zero(self.concurrency, key.at("concurrency"), mistakes);
        check::not_zero(self.rate.per_second as usize, key.at("rate").at("per_second"), mistakes);
        check::not_zero(self.rate.burst as usize, key.at("rate").at("burst"), mistakes);
        let least = Span(Duration::from_millis(10));
        check::at_least(least, self.head_timeout, key.at("head_timeout"), mistakes);
        check::at_least(least, self.request_timeout, key.at("request_timeout"), mistakes);
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: Size(64 * 1024),
            head: Size(32 * 1024),
            head_timeout: Span(Duration::from_secs(10)),
            request_timeout: Span(Duration::from_secs(30)),
            concurrency: 1024,
            rate: Rate { per_second: 50, burst: 500 },
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("{text:?} is not an IP address and a port, like 0.0.0.0:8443"));
    text.parse().map_err(|_| wrong())
}

fn grace() -> Span {
    Span(Duration::from_secs(20))
}

fn reload_every() -> Span {
    Span(Duration::from_secs(2))
}
