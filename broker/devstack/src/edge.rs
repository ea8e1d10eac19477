//! What hosted providers put in front of Postgres: a listener that ends TLS, looks at who asks, and leads on.

mod builder;
mod login;
mod opening;
mod refusal;
mod route;
mod scram;
mod session;
mod upstream;
mod watch;
mod wire;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use tokio::sync::{oneshot, watch as state};

pub use self::builder::EdgeBuilder;
pub use self::refusal::Refusal;
use self::route::Router;
pub use self::route::{Backend, Opening, Route};
pub use self::upstream::Upstream;
use self::watch::Watcher;
use crate::ca::Issued;
use crate::serving::Running;

/// A running edge; it ends with all its sessions when this is dropped. It has a thread of its own, so it outlives the
/// async runtime of the test that started it.
pub struct Edge {
    port: u16,
    state: Arc<State>,
    _running: Running,
}

/// How an edge receives new connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Door {
    /// As it should.
    #[default]
    Open,
    /// They are accepted and hear nothing until this changes.
    Paused,
    /// Each gets this when it asks for a session.
    Refusing(Refusal),
    /// They are closed at once.
    Closed,
}

struct State {
    tls: Option<Arc<ServerConfig>>,
    certificate: Option<CertificateDer<'static>>,
    route: Router,
    watcher: Watcher,
    plaintext_refusal: Option<Refusal>,
    unreachable: Refusal,
    door: state::Sender<Door>,
    sessions: Mutex<HashMap<u64, Session>>,
    next_session: AtomicU64,
}

/// What is known of a session from outside.
struct Session {
    opening: Opening,
    upstream: Upstream,
    key: Vec<u8>,
    end: oneshot::Sender<Refusal>,
}

impl Edge {
    /// An edge that speaks TLS with this certificate, and refuses clients that do not.
    pub fn builder(issued: &Issued) -> EdgeBuilder {
        EdgeBuilder::new(Some(issued))
    }

    /// An edge without TLS: a relay on the client's own machine.
    pub fn plaintext() -> EdgeBuilder {
        EdgeBuilder::new(None)
    }

    /// A name for loopback. The certificate is good for the names that it was issued for.
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port, on every loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How it receives new connections from now on. Sessions go on.
    pub fn set_door(&self, door: Door) {
        self.state.door.send_replace(door);
    }

    /// How many sessions are past their login.
    pub fn sessions(&self) -> usize {
        self.state.sessions().len()
    }

    /// Ends every session that this is true of, with these last words; returns how many. A statement that runs is
    /// cancelled.
    pub fn end_sessions(&self, last: &Refusal, of: impl Fn(&Opening) -> bool) -> usize {
        let ended: Vec<_> = self.state.sessions().extract_if(|_, session| of(&session.opening)).collect();
        // Without a receiver the session has ended by itself.
        ended.into_iter().filter_map(|(_, session)| session.end.send(last.clone()).ok()).count()
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("port", &self.port).finish_non_exhaustive()
    }
}

impl State {
    fn sessions(&self) -> MutexGuard<'_, HashMap<u64, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a session known until the first value is dropped; the second one says when it is to end.
    fn register(
        &self,
        opening: &Opening,
        upstream: &Upstream,
        key: &[u8],
    ) -> (Registered<'_>, oneshot::Receiver<Refusal>) {
        let number = self.next_session.fetch_add(1, Ordering::Relaxed);
        let (end, ended) = oneshot::channel();
        let (opening, upstream, key) = (opening.clone(), upstream.clone(), key.to_vec());
        self.sessions().insert(number, Session { opening, upstream, key, end });
        (Registered { state: self, number }, ended)
    }

    /// Passes on that a statement is to be cancelled; an unknown key is ignored, as Postgres does.
    async fn cancel(&self, key: &[u8]) -> io::Result<()> {
        let upstream = self.sessions().values().find(|one| one.key == key).map(|one| one.upstream.clone());
        match upstream {
            Some(upstream) => upstream.cancel(key).await,
            None => Ok(()),
        }
    }
}

struct Registered<'a> {
    state: &'a State,
    number: u64,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.state.sessions().remove(&self.number);
    }
}
