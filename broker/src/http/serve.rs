//! The listeners.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::signal::unix::Signal;

use crate::app::{App, watch};
use crate::config::{Config, Issuer, Limits, ServerTls};
use crate::http::client_certificate::Presented;
use crate::http::first_word::FirstWord;
use crate::http::{health, public};
use crate::tls::{ClientCertificate, TlsError, ends_at, server_config};

/// Why the broker cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate of the listener.
    #[error("server.tls: {0}")]
    Tls(#[from] TlsError),
    /// A listener failed.
    #[error("a listener failed: {0}")]
    Serve(#[source] std::io::Error),
}

/// The listeners, open but not yet served.
pub struct Listeners {
    public: TcpListener,
    admin: TcpListener,
}

impl Listeners {
    /// Opens the listeners that the configuration names.
    pub fn open(app: &App) -> Result<Self, ServeError> {
        let server = &app.current.load().config.server;
        Ok(Self { public: listen(server.listen)?, admin: listen(server.admin_listen)? })
    }

    /// Where they are: public, admin.
    pub fn addresses(&self) -> std::io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.public.local_addr()?, self.admin.local_addr()?))
    }
}

/// Serves until the application stops; then requests in flight end, at most for `server.grace`. On `hangup` the
/// configuration is loaded again.
pub async fn serve(app: Arc<App>, listeners: Listeners, hangup: Signal) -> Result<(), ServeError> {
    let config = app.current.load().config.clone();
    let (limits, grace) = (config.server.limits.clone(), config.server.grace.0);
    let handle = Handle::new();
    tokio::spawn(stop_with(app.clone(), handle.clone(), grace));
    let tls = config.server.tls.as_ref().map(|tls| tls_of(tls, &config)).transpose()?;
    observe_certificate(&app);
    tokio::spawn(watch(app.clone(), hangup, {
        let tls = tls.clone();
        move |app| reload_certificate(app, tls.as_ref())
    }));
    let admin = bound(listeners.admin, health::admin(app.clone()), &limits, handle.clone(), None);
    let public = bound(listeners.public, public(app), &limits, handle, tls);
    tokio::try_join!(admin, public).map(drop)
}

async fn bound(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    handle: Handle<SocketAddr>,
    tls: Option<RustlsConfig>,
) -> Result<(), ServeError> {
    let service = router.into_make_service();
    let mut server = axum_server::from_tcp(listener).map_err(ServeError::Serve)?.handle(handle);
    limit(server.http_builder(), limits);
    let (patience, untaken) = (limits.head_timeout.0, limits.request_timeout.0);
    let served = match tls {
        None => {
            server.acceptor(FirstWord::within(patience, untaken, NoDelayAcceptor::new())).serve(service).await
        }
        Some(tls) => {
            let acceptor =
                RustlsAcceptor::new(tls).handshake_timeout(patience).acceptor(NoDelayAcceptor::new());
            let acceptor = Presented::by(acceptor);
            server.acceptor(FirstWord::within(patience, untaken, acceptor)).serve(service).await
        }
    };
    served.map_err(ServeError::Serve)
}

/// Slow and greedy clients do not hold us.
fn limit(builder: &mut Builder<TokioExecutor>, limits: &Limits) {
    let head = limits.head.0.max(8 * 1024);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head_timeout.0).max_buf_size(head);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(limits.head_timeout.0);
}

async fn stop_with(app: Arc<App>, handle: Handle<SocketAddr>, grace: Duration) {
    app.stop.cancelled().await;
    handle.graceful_shutdown(Some(grace));
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let open = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    open().map_err(|source| ServeError::Listen { address, source })
}

fn tls_of(tls: &ServerTls, config: &Config) -> Result<RustlsConfig, ServeError> {
    Ok(RustlsConfig::from_config(Arc::new(rustls_of(tls, config)?)))
}

/// Clients are asked for certificates where an issuer can make something of them.
fn rustls_of(tls: &ServerTls, config: &Config) -> Result<rustls::ServerConfig, TlsError> {
    let asked = config.issuers.values().any(Issuer::takes_certificates);
    let client = if asked { ClientCertificate::AskedFor } else { ClientCertificate::Ignored };
    server_config(&tls.cert, &tls.key, client)
}

/// New connections get the certificate that is in the files now; a broken one changes nothing.
fn reload_certificate(app: &App, running: Option<&RustlsConfig>) {
    let config = app.current.load().config.clone();
    let (Some(running), Some(tls)) = (running, &config.server.tls) else { return };
    match rustls_of(tls, &config) {
        Ok(config) => {
            running.reload_from_config(Arc::new(config));
            observe_certificate(app);
        }
        Err(error) => tracing::error!(%error, "the new certificate is refused; the one before it stays"),
    }
}

fn observe_certificate(app: &App) {
    let ends = app.current.load().config.server.tls.as_ref().and_then(|tls| ends_at(&tls.cert));
    app.metrics.certificate_expires(ends.unwrap_or(0));
}
