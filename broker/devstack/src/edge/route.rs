//! Where a client is led.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{Refusal, Upstream};

/// What is known of a client when it asks for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The address that it comes from.
    pub client: IpAddr,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Whether it did so from the first byte, without asking.
    pub direct_tls: bool,
    /// The host name that it named in the TLS handshake.
    pub sni: Option<String>,
    /// Who it says it is.
    pub user: String,
    /// What it wants to connect to; the user's name by default.
    pub database: Option<String>,
    /// All other parameters, in their order.
    pub parameters: Vec<(String, String)>,
}

impl Opening {
    /// The value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a client.
#[derive(Clone)]
pub enum Route {
    /// It is led to a server.
    To(Backend),
    /// It is asked for its password in clear text, and that decides.
    AskPassword(Arc<dyn Fn(&str) -> Self + Send + Sync>),
    /// It gets this and is sent away.
    Refuse(Refusal),
}

impl Route {
    /// Like [`Route::AskPassword`].
    pub fn ask_password(check: impl Fn(&str) -> Self + Send + Sync + 'static) -> Self {
        Self::AskPassword(Arc::new(check))
    }
}

impl From<Backend> for Route {
    fn from(backend: Backend) -> Self {
        Self::To(backend)
    }
}

impl From<Refusal> for Route {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// The server that a client is led to, and what the edge changes on the way.
#[derive(Clone)]
#[must_use]
pub struct Backend {
    /// The way to it.
    pub upstream: Upstream,
    /// Who the client is there.
    pub user: String,
    /// Where it is connected to.
    pub database: Option<String>,
    /// All other parameters.
    pub parameters: Vec<(String, String)>,
    /// How long the client waits first, as for a server that has to be woken.
    pub hold: Duration,
    /// With this the edge logs in itself; otherwise the client does, as if nobody stood between.
    pub password: Option<String>,
    pub(super) reword: Option<Reword>,
}

pub(super) type Router = Box<dyn Fn(&Opening) -> Route + Send + Sync>;

pub(super) type Reword = Arc<dyn Fn(Refusal) -> Refusal + Send + Sync>;

impl Backend {
    /// Leads a client there as it is.
    pub fn new(upstream: Upstream, opening: &Opening) -> Self {
        Self {
            upstream,
            user: opening.user.clone(),
            database: opening.database.clone(),
            parameters: opening.parameters.clone(),
            hold: Duration::ZERO,
            password: None,
            reword: None,
        }
    }

    /// Who the client is there. SCRAM holds under another name: a server heeds only the name at the start.
    pub fn user(self, user: &str) -> Self {
        Self { user: user.to_owned(), ..self }
    }

    /// Where it is connected to.
    pub fn database(self, database: &str) -> Self {
        Self { database: Some(database.to_owned()), ..self }
    }

    /// Takes out all parameters but these.
    pub fn keep_parameters(mut self, names: &[&str]) -> Self {
        self.parameters.retain(|(name, _)| names.contains(&name.as_str()));
        self
    }

    /// How long the client waits first.
    pub fn hold(self, hold: Duration) -> Self {
        Self { hold, ..self }
    }

    /// Lets the edge log in with this. Only ASCII: nothing is normalized.
    pub fn password(self, password: &str) -> Self {
        Self { password: Some(password.to_owned()), ..self }
    }

    /// What the client gets for an error of the server during the login.
    pub fn reword(self, reword: impl Fn(Refusal) -> Refusal + Send + Sync + 'static) -> Self {
        Self { reword: Some(Arc::new(reword)), ..self }
    }

    pub(super) fn all_parameters(&self) -> Vec<(String, String)> {
        let user = ("user".to_owned(), self.user.clone());
        let database = self.database.clone().map(|database| ("database".to_owned(), database));
        std::iter::once(user).chain(database).chain(self.parameters.iter().cloned()).collect()
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (user, database) = (&self.user, &self.database);
        f.debug_struct("Backend").field("user", user).field("database", database).finish_non_exhaustive()
    }
}
