//! A bare axum route: the limit for whoever serves the same bytes over the same TLS.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::get;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};

/// Serves one answer for ever.
#[derive(clap::Args)]
pub struct Bare {
    /// The certificate.
    #[arg(long)]
    cert: PathBuf,
    /// Its key.
    #[arg(long)]
    key: PathBuf,
    /// The answer: a JSON object with `headers` and `body`.
    #[arg(long)]
    answer: PathBuf,
    /// The port.
    #[arg(long)]
    port: u16,
}

/// What is answered.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Answer {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Bare {
    /// Serves until it is killed.
    pub async fn serve(self) -> anyhow::Result<()> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer: Answer = serde_json::from_slice(&std::fs::read(&self.answer)?)?;
        let mut headers = HeaderMap::new();
        for (name, value) in answer.headers {
            headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
        }
        let body = Bytes::from(answer.body);
        let route = get(move || {
            let (headers, body) = (headers.clone(), body.clone());
            async move { (headers, body) }
        });
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], self.port)))?;
        listener.set_nonblocking(true)?;
        let tls = RustlsConfig::from_pem_file(self.cert, self.key).await.context("its certificate")?;
        axum_server::from_tcp(listener)?
            .acceptor(RustlsAcceptor::new(tls).acceptor(NoDelayAcceptor::new()))
            .serve(Router::new().fallback(route).into_make_service())
            .await
            .context("it does not serve")
    }
}
