//! What makes and unmakes credentials.
//!
//! An engine is a struct of capabilities, filled in as far as the provider has them. All verbs are
//! idempotent: after an error whose effect is not known the same call may be made again, and ending
//! what is already gone succeeds.

mod api;
mod breaker;
pub mod db9;
mod kept;
mod kinds;
pub mod mysql;
pub mod neon;
pub mod planetscale;
pub mod postgres;
mod rds;
mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use kept::KeptPasswords;
pub use kinds::New;
pub use site::Site;

use crate::config::{CredentialSpec, Database, DynamicUser, RotatedPassword, SecretError};
use crate::entropy::Entropy;
use crate::model::{Credential, EngineKind, Handle};
use crate::secret::Secret;
use crate::time::Clock;
use crate::tls::TlsError;

/// Builds the engine of a database: the registry. Reads the secrets that it needs, and connects to nothing yet.
pub fn build(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    match database.engine {
        EngineKind::Postgres => postgres::engine(database, tools),
        EngineKind::Mysql => mysql::engine(database, tools),
        EngineKind::PlanetscalePostgres => planetscale::postgres(database, tools),
        EngineKind::PlanetscaleMysql => planetscale::mysql(database, tools),
        EngineKind::Neon => neon::engine(database, tools),
        EngineKind::Db9 => db9::engine(database, tools),
        EngineKind::Rds => rds::engine(database, tools),
    }
}

/// What engines work with.
#[derive(Clone)]
pub struct Tools {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What is kept of the passwords of the broker's own user there.
    pub kept: Arc<dyn KeptPasswords>,
}

/// What a database can do for us.
pub struct Engine {
    /// Which one it is.
    pub kind: EngineKind,
    /// Makes a fresh user per lease.
    pub dynamic_users: Option<Arc<dyn DynamicUsers>>,
    /// Makes a provider's short-lived tokens.
    pub connect_tokens: Option<Arc<dyn ConnectTokens>>,
    /// Changes the passwords of users that are there.
    pub passwords: Option<Arc<dyn Passwords>>,
    /// Tells how the database is, and what roles can really do there.
    pub inspection: Arc<dyn Inspection>,
}

/// Makes a fresh user per lease.
pub trait DynamicUsers: Send + Sync {
    /// What [`DynamicUsers::remove`] will need for a user of this name, known before it is made.
    fn handle(&self, username: &str, spec: &DynamicUser) -> Handle;

    /// Creates the user. Where it can be, an existing one of that name is brought to the same state; a provider that
    /// keeps its secrets to itself is never asked twice for the same name: what it may have made is found by that
    /// name when it is removed.
    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>>;

    /// Lets the user log in for `ttl` from now (by the database's clock).
    fn renew<'a>(&'a self, handle: &'a Handle, ttl: Duration) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Ends new logins; sessions go on.
    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Ends sessions and removes the user. Succeeds if there is none.
    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>>;

    /// The users there whose name (where the provider makes up its user names: the name that we gave them) begins
    /// with `prefix`.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>>;
}

/// Makes a provider's short-lived tokens. Nothing takes them back: they end by themselves.
pub trait ConnectTokens: Send + Sync {
    /// A token with which `username` logs in.
    fn token<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Made, EngineError>>;
}

/// Changes the passwords of users that are there. Where a provider cannot do that without ending sessions, they end.
pub trait Passwords: Send + Sync {
    /// Gives a user a password: this one, or where the provider makes them up another one. Its sessions go on.
    fn set<'a>(&'a self, username: &'a str, password: &'a Secret)
    -> BoxFuture<'a, Result<Made, EngineError>>;

    /// Gives one of a pair its next password. What else the pair says matters only where a password is not changed
    /// but made anew.
    fn rotate<'a>(
        &'a self,
        _pair: &'a RotatedPassword,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.set(username, password)
    }

    /// Gives a user a password that nobody knows. Succeeds if there is no such user.
    fn unset<'a>(&'a self, username: &'a str, sessions: Sessions) -> BoxFuture<'a, Result<(), EngineError>>;

    /// The credential of a user that logs in with this password, if it does.
    fn verify<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Option<Credential>, EngineError>>;
}

/// What becomes of the sessions of a user that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sessions {
    /// They are ended.
    End,
    /// They go on: pools are not to notice.
    Leave,
}

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// User and password, and where they are good.
    pub credential: Credential,
    /// What the provider calls it, if ending it is easier with that.
    pub id: Option<String>,
    /// How long it is good from now on, where the provider decides that.
    pub lifetime: Option<Duration>,
}

impl Made {
    /// A credential that ends when we end it.
    pub fn of(credential: Credential) -> Self {
        Self { credential, id: None, lifetime: None }
    }
}

/// A user to be made.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Its name; where the provider makes up its user names, the name that it is to be found by.
    pub name: &'a str,
    /// Its password, where it is not the provider that makes it up.
    pub password: &'a Secret,
    /// What it is made of.
    pub spec: &'a DynamicUser,
    /// Settings for each of its sessions.
    pub parameters: &'a std::collections::BTreeMap<String, String>,
    /// How long it can log in, from now by the database's clock. The grace on top is the engine's.
    pub ttl: Duration,
}

/// Tells how a database is, and what roles can really do there.
pub trait Inspection: Send + Sync {
    /// Connects, and asks what the server is.
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>>;

    /// What a credential made of `spec` could really do, and what is wrong or missing for making it.
    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>>;
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct ServerInfo {
    /// Its version, as it says.
    pub version: String,
}

/// What a role can really do.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct RoleInfo {
    /// What it can do, one sentence each: `select on 12 tables in schema app`.
    pub can: Vec<String>,
    /// What is more than it should be.
    pub warnings: Vec<String>,
    /// What keeps the broker from making it, each with the statement or setting that mends it.
    pub mistakes: Vec<String>,
}

/// Why an engine could not do what it was asked. Texts of servers are kept without secrets.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It did not answer, or not in time. What it was asked may have been done.
    #[error("the database did not answer: {detail}")]
    Unavailable {
        /// What was tried and how it failed.
        detail: String,
    },
    /// It answered that it will not do it.
    #[error("the database refused: {detail}")]
    Refused {
        /// What it said.
        detail: String,
    },
    /// It answered that it will not do it now: too many requests, or it is busy with something else. It was not done.
    #[error("the database is busy: {detail}")]
    Busy {
        /// What it said.
        detail: String,
        /// When it may be asked again, from now.
        retry_after: Duration,
    },
}

/// Why an engine cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The admin's endpoint is not one of the database's.
    #[error("the database has no endpoint {endpoint:?} for its admin")]
    NoEndpoint {
        /// The name that was given.
        endpoint: String,
    },
    /// The broker has no user there.
    #[error("the broker has no user of its own there: say which with `admin`")]
    NoAdmin,
    /// What is particular to its provider is missing.
    #[error("the section `{section}` of the database is missing")]
    NoSection {
        /// Its name.
        section: &'static str,
    },
    /// The broker's own way there is not direct.
    #[error("the endpoint {endpoint:?} is not a direct way to the primary: name one with `admin.endpoint`")]
    NotDirect {
        /// Its name.
        endpoint: String,
    },
    /// An endpoint has no host.
    #[error("the endpoint {endpoint:?} has no host")]
    NoHost {
        /// Its name.
        endpoint: String,
    },
    /// The provider's API cannot be used as it is configured.
    #[error("the API {url} cannot be used: {reason}")]
    Api {
        /// Where it should be.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The CA cannot be read.
    #[error("the CA {} cannot be read", .path.display())]
    Ca {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// TLS to the provider's API cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The client of the provider's API cannot be set up.
    #[error("the client of the provider's API cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
}
