//! Where a client is led.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Backend;

/// What a client says before it is let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Who it claims to be.
    pub user: String,
    /// The database that it names; empty if it names none.
    pub database: String,
}

/// What to do with a client.
#[derive(Clone)]
pub enum Route {
    /// Let it in to a server.
    To {
        /// The server.
        backend: Backend,
        /// As whom, there.
        user: String,
        /// With which database, there; empty for none.
        database: String,
        /// With this the edge logs in itself; otherwise the client does, and the server checks the password.
        password: Option<String>,
    },
    /// Ask it for its password in clear text (`mysql_clear_password`), which decides. Only for clients that come over TLS.
    AskPassword(Arc<dyn Fn(&str) -> Self + Send + Sync>),
    /// Say an error to it, and close.
    Refuse(Refusal),
    /// Let it wait, and then do something else.
    After(Duration, Box<Self>),
}

/// An error, as a server says it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// MySQL's number of the error, for example 1045.
    pub code: u16,
    /// Five characters, for example `28000`.
    pub sqlstate: &'static str,
    /// What the client reads.
    pub message: String,
}

impl Route {
    /// Like [`Route::AskPassword`].
    pub fn ask_password(check: impl Fn(&str) -> Self + Send + Sync + 'static) -> Self {
        Self::AskPassword(Arc::new(check))
    }
}

impl From<Refusal> for Route {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To { backend, user, database, .. } => f
                .debug_struct("To")
                .field("backend", backend)
                .field("user", user)
                .field("database", database)
                .finish(),
            Self::AskPassword(_) => f.write_str("AskPassword"),
            Self::Refuse(refusal) => f.debug_tuple("Refuse").field(refusal).finish(),
            Self::After(delay, then) => f.debug_tuple("After").field(delay).field(then).finish(),
        }
    }
}
