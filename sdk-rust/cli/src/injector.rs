//! The mutating admission webhook of Kubernetes: pods that ask for it by annotations get their DSNs.
//!
//! `injector.md` is its users' page. It decides by what is in the request alone, and keeps nothing.

mod account;
mod agent;
mod annotation;
mod file;
mod grammar;
mod injection;
mod pod;
mod review;
mod serving;
mod value;
mod vault;
mod volume;
mod wish;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use clap::{Args, ValueEnum};
use dsn_broker_sdk::{Broker, Proof};
use hyper_util::rt::TokioTimer;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::injector::value::User;
use crate::show;

/// Inject the agent into pods.
#[derive(Args)]
pub(crate) struct Injector {
    /// Where to listen.
    #[arg(long, default_value = "0.0.0.0:8443")]
    listen: SocketAddr,
    /// The certificate for the name of the service, PEM. A changed one is taken at the next connection.
    #[arg(long)]
    cert: PathBuf,
    /// Its private key, PEM.
    #[arg(long)]
    key: PathBuf,
    #[command(flatten)]
    settings: Settings,
}

/// What pods get that do not say otherwise.
#[derive(Args)]
struct Settings {
    /// Where the pods find the broker.
    #[arg(long)]
    broker_url: String,
    /// The CA of the broker's certificate, PEM; by default the agent's image's roots are trusted.
    #[arg(long)]
    broker_ca: Option<PathBuf>,
    /// Whom the pods' tokens are for, as the broker's issuer of this cluster has it.
    #[arg(long, default_value = "dsn-broker")]
    audience: String,
    /// The image of `dsn`.
    #[arg(long)]
    image: String,
    /// When the image is pulled. Default: as Kubernetes does.
    #[arg(long)]
    image_pull_policy: Option<PullPolicy>,
    /// Where `dsn` is in that image.
    #[arg(long, default_value = "/usr/local/bin/dsn")]
    agent_binary: String,
    /// Whom the agent runs as where the containers do not say whom they run as; `none` lets the cluster choose.
    #[arg(long, default_value = "65532", value_parser = value::user)]
    agent_run_as_user: User,
    /// How much of a processor the agent is sure to have.
    #[arg(long, default_value = "10m", value_parser = value::quantity)]
    agent_cpu_request: String,
    /// How much of a processor the agent may have.
    #[arg(long, default_value = "250m", value_parser = value::quantity)]
    agent_cpu_limit: String,
    /// How much memory the agent is sure to have.
    #[arg(long, default_value = "16Mi", value_parser = value::quantity)]
    agent_memory_request: String,
    /// How much memory the agent may have, with the files.
    #[arg(long, default_value = "64Mi", value_parser = value::quantity)]
    agent_memory_limit: String,
    /// Also understand the annotations of Vault's injector, where they mean the same.
    #[arg(long)]
    vault_annotations: bool,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

impl PullPolicy {
    fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl Settings {
    /// The CA of the broker, as it is now. It goes into pods, so nothing but certificates may be in the file.
    fn ca_pem(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.broker_ca else { return Ok(None) };
        let pem = std::fs::read_to_string(path)
            .with_context(|| format!("the broker's CA cannot be read: {}", path.display()))?;
        let is_foreign = |line: &str| line.starts_with("-----BEGIN") && line != "-----BEGIN CERTIFICATE-----";
        anyhow::ensure!(
            !pem.lines().any(is_foreign),
            "{} has more than certificates in it, and would be seen in all pods: name a file with the CA alone",
            path.display()
        );
        Ok(Some(pem))
    }

    /// Finds at once what all pods would fail for.
    fn check(&self) -> anyhow::Result<()> {
        let mut broker = Broker::builder(&self.broker_url).proof(Proof::environment("DSN_BROKER_TOKEN"));
        if let Some(pem) = self.ca_pem()? {
            broker = broker.ca_pem(pem);
        }
        broker.build().map(drop).context("no pod could ask the broker")
    }
}

impl Injector {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        self.settings.check()?;
        let tls = RustlsConfig::from_config(serving::configuration(self.cert, self.key)?);
        let listener =
            TcpListener::bind(self.listen).with_context(|| format!("cannot listen on {}", self.listen))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let handle = Handle::new();
        tokio::spawn(stop(signal(SignalKind::terminate())?, handle.clone()));
        let routes = Router::new()
            .route("/mutate", post(mutate))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(async || "ok\n"))
            .with_state(Arc::new(self.settings));
        let acceptor = RustlsAcceptor::new(tls).handshake_timeout(PATIENCE).acceptor(NoDelayAcceptor::new());
        let mut server = axum_server::from_tcp(listener)?.http1_only().handle(handle);
        server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        show::note(&format!("listening on {address}"));
        server.acceptor(acceptor).serve(routes.into_make_service()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whatever is not answered with 200 here, Kubernetes takes for a refusal (`failurePolicy: Fail`).
async fn mutate(State(settings): State<Arc<Settings>>, headers: HeaderMap, body: Body) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        let what = "an AdmissionReview is sent as application/json\n";
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, what).into_response();
    }
    let body = match timeout(PATIENCE, to_bytes(body, LARGEST)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "the body is cut off, or larger than 4 MiB\n")
                .into_response();
        }
        Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the body did not come in time\n").into_response(),
    };
    match review::answer(&body, &settings) {
        Ok(answer) => Json(answer).into_response(),
        Err(wrong) => (StatusCode::BAD_REQUEST, format!("{wrong}\n")).into_response(),
    }
}

/// Requests in flight are answered when it is told to end.
async fn stop(mut ended: Signal, handle: Handle<SocketAddr>) {
    ended.recv().await;
    handle.graceful_shutdown(Some(PATIENCE));
}

/// How long a handshake, a head or a body may take to come.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest body: the largest object that Kubernetes takes, and what is around it.
const LARGEST: usize = 4 * 1024 * 1024;
