//! What makes and unmakes credentials.
//!
//! An engine is a struct of capabilities, filled in as far as the provider has them. All verbs are
//! idempotent: after an error whose effect is not known the same call may be made again, and ending
//! what is already gone succeeds.

mod breaker;
pub mod postgres;
mod site;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

pub use site::Site;

use crate::config::{Database, DynamicUser};
use crate::entropy::Entropy;
use crate::model::{Credential, CredentialKind, EngineKind, Handle};
use crate::secret::Secret;

/// Builds the engine of a database: the registry. Connects to nothing yet.
pub fn build(
    database: &Database,
    admin_password: Secret,
    entropy: Arc<dyn Entropy>,
) -> Result<Engine, BuildError> {
    match database.engine {
        EngineKind::Postgres => postgres::engine(database, admin_password, entropy),
    }
}

/// What a database can do for us.
pub struct Engine {
    /// Which one it is.
    pub kind: EngineKind,
    /// Makes a fresh user per lease.
    pub dynamic_users: Option<Arc<dyn DynamicUsers>>,
    /// Tells how the database is, and what roles can really do there.
    pub inspection: Arc<dyn Inspection>,
}

/// Makes a fresh user per lease.
pub trait DynamicUsers: Send + Sync {
    /// What [`DynamicUsers::remove`] will need for a user of this name, known before it is made.
    fn handle(&self, username: &str, spec: &DynamicUser) -> Handle;

    /// Creates the user; an existing one of that name is brought to the same state.
    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Lets the user log in for `ttl` from now (by the database's clock).
    fn renew<'a>(&'a self, handle: &'a Handle, ttl: Duration) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Ends new logins; sessions go on.
    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>>;

    /// Ends sessions and removes the user. Succeeds if there is none.
    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>>;

    /// The users there whose name begins with `prefix`.
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>>;
}

/// A user to be made.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// Its name and password.
    pub credential: &'a Credential,
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

    /// What a user made of `spec` could really do, and what is wrong or missing for making it.
    fn role<'a>(&'a self, spec: &'a DynamicUser) -> BoxFuture<'a, Result<RoleInfo, EngineError>>;
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
    /// The CA cannot be read.
    #[error("the CA {} cannot be read", .path.display())]
    Ca {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
}

impl Engine {
    /// The kinds of credential it can make.
    pub fn kinds(&self) -> Vec<CredentialKind> {
        self.dynamic_users.iter().map(|_| CredentialKind::DynamicUser).collect()
    }
}
