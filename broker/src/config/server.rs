//! `server`: where and how the broker listens.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{Size, Span};

/// Where and how the broker listens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The public listener, e.g. `0.0.0.0:8443`.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Health, readiness and metrics, without TLS, e.g. `127.0.0.1:9090`.
    #[schemars(with = "String")]
    pub admin_listen: SocketAddr,
    /// The certificate of the public listener.
    #[serde(default)]
    pub tls: Option<ServerTls>,
    /// Plain HTTP on the public listener, instead of `tls`. Only on a loopback address.
    #[serde(default)]
    pub plain_http: bool,
    /// What the broker puts up with.
    #[serde(default)]
    pub limits: Limits,
    /// How long requests in flight may take to end after SIGTERM.
    #[serde(default = "grace")]
    pub grace: Span,
    /// How often the configuration and the certificates are looked at for changes.
    #[serde(default = "reload_every")]
    pub reload_every: Span,
    /// How the log is written.
    #[serde(default)]
    pub log: LogFormat,
}

/// The certificate of the public listener.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// The certificate and its chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The CA of client certificates.
    #[serde(default)]
    pub client_ca: Option<PathBuf>,
}

/// What the broker puts up with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest body of a request.
    pub body: Size,
    /// The largest head of a request (HTTP/1.1: all its headers; HTTP/2: the same, as a list).
    pub head: Size,
    /// How long a client may take to send the head of a request, and to finish the TLS handshake.
    pub head_timeout: Span,
    /// How long a request may take.
    pub request_timeout: Span,
    /// How many requests are worked on at once; beyond that the broker answers 503.
    pub concurrency: usize,
    /// How fast one workload may ask.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Human,
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

fn grace() -> Span {
    Span(Duration::from_secs(20))
}

fn reload_every() -> Span {
    Span(Duration::from_secs(2))
}
