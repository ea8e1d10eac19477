//! What stands in front of a MySQL server at a provider, or beside a workload: an edge or a relay.
//!
//! It speaks the protocol up to the end of the login, and copies bytes from there on. So a database that is named
//! later, by `USE`, is not rewritten.

mod handshake;
mod login;
mod packet;
mod route;
mod session;

use anyhow::Context as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::{TlsAcceptor, TlsConnector};

pub use self::route::{Opening, Refusal, Route};
use crate::ca::Ca;
use crate::mariadb::MariaDb;
use crate::tls;

/// A port of our own on loopback that leads to MariaDB servers as a route says. It ends, with its sessions, when this
/// is dropped. It lives in the runtime in which it is started.
#[derive(Debug)]
pub struct MysqlEdge {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

/// A server behind an edge, which is connected to over TLS and verified.
#[derive(Clone)]
pub struct Backend {
    port: u16,
    connector: TlsConnector,
}

/// What the sessions need.
struct Shared {
    /// The server that the first greeting comes from.
    backend: Backend,
    entry: Entry,
    route: Box<dyn Fn(&Opening) -> Route + Send + Sync>,
    opened: AtomicUsize,
    /// Whether those who come are closed at once.
    closed: AtomicBool,
    /// How often all sessions were ended.
    ended: watch::Sender<u64>,
}

/// How clients come.
enum Entry {
    /// Without TLS.
    Plain,
    /// With it; who does not ask for it gets the refusal.
    Tls(TlsAcceptor, Refusal),
}

impl Backend {
    /// This server; it may be down meanwhile, and up again.
    pub fn of(server: &MariaDb) -> anyhow::Result<Self> {
        let connector = TlsConnector::from(Arc::new(tls::client(server.ca_pem())?));
        Ok(Self { port: server.port(), connector })
    }
}

impl MysqlEdge {
    /// One that lets nobody in without TLS, with this refusal; its certificate is of this authority and for these
    /// names. Clients are greeted as by this server.
    pub async fn over_tls(
        ca: &Ca,
        names: &[&str],
        insecure: Refusal,
        backend: Backend,
        route: impl Fn(&Opening) -> Route + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(tls::server(ca, names)?));
        Self::start(backend, Entry::Tls(acceptor, insecure), Box::new(route)).await
    }

    /// One that does not speak TLS with its clients, as a relay on the same machine.
    pub async fn plain(
        backend: Backend,
        route: impl Fn(&Opening) -> Route + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        Self::start(backend, Entry::Plain, Box::new(route)).await
    }

    async fn start(
        backend: Backend,
        entry: Entry,
        route: Box<dyn Fn(&Opening) -> Route + Send + Sync>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for an edge")?;
        let port = listener.local_addr()?.port();
        let (ended, _) = watch::channel(0);
        let shared =
            Arc::new(Shared { backend, entry, route, opened: <_>::default(), closed: <_>::default(), ended });
        let sessions = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            let mut running = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                if sessions.closed.load(Ordering::Relaxed) {
                    continue;
                }
                let (shared, mut ended) = (Arc::clone(&sessions), sessions.ended.subscribe());
                running.spawn(async move {
                    tokio::select! {
                        // What goes wrong in a session is for its client to see.
                        _ = session::serve(&shared, client) => {}
                        _ = ended.changed() => {}
                    }
                });
                while running.try_join_next().is_some() {}
            }
        });
        Ok(Self { port, shared, accepting })
    }

    /// The port to use instead of the server's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many clients have logged in so far.
    pub fn opened(&self) -> usize {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// Whether those who come from now on are closed at once. Sessions go on.
    pub fn set_closed(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::Relaxed);
    }

    /// Cuts off all clients, also those who are not in yet; new ones may come.
    pub fn end_sessions(&self) {
        self.shared.ended.send_modify(|times| *times += 1);
    }
}

impl Drop for MysqlEdge {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").field("port", &self.port).finish_non_exhaustive()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("backend", &self.backend)
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}
