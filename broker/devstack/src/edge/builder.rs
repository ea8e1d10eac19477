//! What kind of edge to start.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::watch;

use super::opening::PROTOCOL;
use super::route::Router;
use super::watch::Watcher;
use super::{Door, Edge, Opening, Refusal, Route, State, session};
use crate::ca::Issued;
use crate::{blocking, serving};

/// What to start.
#[must_use]
pub struct EdgeBuilder {
    issued: Option<Issued>,
    route: Option<Router>,
    watcher: Watcher,
    plaintext_refusal: Option<Refusal>,
    unreachable: Refusal,
}

impl EdgeBuilder {
    pub(super) fn new(issued: Option<&Issued>) -> Self {
        Self {
            issued: issued.cloned(),
            route: None,
            watcher: Arc::new(|_, _| None),
            plaintext_refusal: issued.map(|_| Refusal::fatal("28000", "SSL connection is required")),
            unreachable: Refusal::fatal("08006", "failed to connect to upstream"),
        }
    }

    /// Where clients are led. It runs on the edge's only thread and must not wait for anything.
    pub fn route<R: Into<Route>>(self, route: impl Fn(&Opening) -> R + Send + Sync + 'static) -> Self {
        Self { route: Some(Box::new(move |opening| route(opening).into())), ..self }
    }

    /// What is wrong with a statement, with the several of a simple query, or with a value that is bound to one: then
    /// none of it reaches the server.
    pub fn watch(self, watcher: impl Fn(&Opening, &str) -> Option<Refusal> + Send + Sync + 'static) -> Self {
        Self { watcher: Arc::new(watcher), ..self }
    }

    /// Also takes clients that do not speak TLS.
    pub fn plaintext_client(self) -> Self {
        Self { plaintext_refusal: None, ..self }
    }

    /// What clients get that do not speak TLS.
    pub fn plaintext_refusal(self, refusal: Refusal) -> Self {
        Self { plaintext_refusal: Some(refusal), ..self }
    }

    /// What clients get when there is no way to the server.
    pub fn unreachable(self, refusal: Refusal) -> Self {
        Self { unreachable: refusal, ..self }
    }

    /// Starts it, and returns when it takes connections.
    pub async fn start(self) -> anyhow::Result<Edge> {
        blocking(move || self.start_now()).await.context("the edge does not start")
    }

    fn start_now(self) -> anyhow::Result<Edge> {
        let (port, listeners) = serving::listen()?;
        let number = port.number();
        let certificate = self.issued.as_ref().map(|issued| issued.certificate_pem.as_bytes());
        let state = Arc::new(State {
            tls: self.issued.as_ref().map(|issued| serving::tls(issued, &[PROTOCOL])).transpose()?,
            certificate: certificate.map(CertificateDer::from_pem_slice).transpose()?,
            route: self.route.context("it has no route")?,
            watcher: self.watcher,
            plaintext_refusal: self.plaintext_refusal,
            unreachable: self.unreachable,
            door: watch::Sender::new(Door::Open),
            sessions: std::sync::Mutex::new(HashMap::new()),
            next_session: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        let running = serving::run("devstack-edge", move || {
            for listener in listeners {
                tokio::spawn(accept(listen(listener)?, Arc::clone(&shared)));
            }
            Ok(port)
        })?;
        Ok(Edge { port: number, state, _running: running })
    }
}

impl std::fmt::Debug for EdgeBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EdgeBuilder").finish_non_exhaustive()
    }
}

fn listen(listener: TcpListener) -> anyhow::Result<tokio::net::TcpListener> {
    Ok(tokio::net::TcpListener::from_std(listener)?)
}

async fn accept(listener: tokio::net::TcpListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                let state = Arc::clone(&state);
                tokio::spawn(async move { session::serve(&state, socket).await });
            }
            // A connection that was gone before it was accepted is no reason to stop.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}
