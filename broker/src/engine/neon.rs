//! The engine for Neon: users made by SQL, at a branch whose hosts its API tells.
//!
//! Never users of the API: those are administrators. What the API is asked is where the branch is, and the password
//! of the broker's own user there, unless it is configured; both are kept until they turn out to be wrong. Neon takes
//! no verifiers: it is given passwords, over verified TLS, beside the statements and not in them.

mod calls;
mod resolve;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use self::calls::Calls;
use self::resolve::Resolved;
use crate::config::{CredentialSpec, Database, DynamicUser, EndpointKind};
use crate::engine::{
    BuildError, DynamicUsers, Engine, EngineError, Inspection, Made, NewUser, Passwords, RoleInfo,
    ServerInfo, Sessions, Tools,
};
use crate::model::{Credential, EngineKind, Handle};
use crate::secret::Secret;

/// Builds the engine. Asks nothing until it is used.
pub fn engine(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    let section = database.neon.as_ref().ok_or(BuildError::NoSection { section: "neon" })?;
    let admin = database.admin.as_ref().ok_or(BuildError::NoAdmin)?;
    let endpoint = admin.endpoint.to_string();
    match database.endpoints.get(&admin.endpoint) {
        None => return Err(BuildError::NoEndpoint { endpoint }),
        Some(found) if found.kind(&admin.endpoint) == EndpointKind::Primary => {}
        Some(_) => return Err(BuildError::NotDirect { endpoint }),
    }
    let neon = Arc::new(Neon {
        calls: Calls::new(section, database.timeout.0)?,
        password: admin.password.as_ref().map(|password| password.read()).transpose()?,
        database: database.clone(),
        tools: tools.clone(),
        resolved: Mutex::default(),
    });
    Ok(Engine {
        kind: EngineKind::Neon,
        dynamic_users: Some(Arc::clone(&neon) as Arc<dyn DynamicUsers>),
        passwords: Some(Arc::clone(&neon) as Arc<dyn Passwords>),
        connect_tokens: None,
        inspection: neon,
    })
}

struct Neon {
    calls: Calls,
    /// That of the broker's own user, if the API is not to be asked for it.
    password: Option<Secret>,
    database: Database,
    tools: Tools,
    resolved: Mutex<Option<Arc<Resolved>>>,
}

impl Neon {
    /// Does it where the branch is, again and again while the compute wakes or the provider is busy, as far as there
    /// is time. All that is done here may be done twice.
    fn there<'a, T: Send, F>(
        &'a self,
        work: impl Fn(Arc<Resolved>) -> F + Send + Sync + 'a,
    ) -> BoxFuture<'a, Result<T, EngineError>>
    where
        F: Future<Output = Result<T, EngineError>> + Send,
    {
        Box::pin(async move {
            let deadline = Instant::now() + self.database.timeout.0;
            let mut pause = FIRST_PAUSE;
            let mut known_password = true;
            loop {
                let tried = self.once(&work, deadline).await;
                let wait = match &tried {
                    Err(EngineError::Unavailable { .. }) => pause,
                    Err(EngineError::Busy { retry_after, .. }) => pause.max(*retry_after),
                    // The password may have been reset since the API told it.
                    Err(EngineError::Refused { detail })
                        if detail.contains(LOGIN_FAILED) && self.password.is_none() && known_password =>
                    {
                        known_password = false;
                        Duration::ZERO
                    }
                    _ => return tried,
                };
                if Instant::now() + wait >= deadline {
                    return tried;
                }
                tokio::time::sleep(wait).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }

    async fn once<T, F>(
        &self,
        work: &(impl Fn(Arc<Resolved>) -> F + Send + Sync),
        deadline: Instant,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, EngineError>> + Send,
    {
        let late = |what: &str| EngineError::Unavailable { detail: format!("{what} did not answer in time") };
        let resolving = tokio::time::timeout_at(deadline, self.resolve()).await;
        let resolved = resolving.unwrap_or_else(|_| Err(late("Neon's API")))?;
        let working = tokio::time::timeout_at(deadline, work(Arc::clone(&resolved))).await;
        let result = working.unwrap_or_else(|_| Err(late("the compute")));
        let stale = match &result {
            Err(EngineError::Unavailable { .. }) => true,
            Err(EngineError::Refused { detail }) => {
                detail.contains(LOGIN_FAILED) || detail.contains(NO_ENDPOINT)
            }
            _ => false,
        };
        if stale {
            self.forget(&resolved).await;
        }
        result
    }

    /// Where the branch is, as the API says it, or has said it before.
    async fn resolve(&self) -> Result<Arc<Resolved>, EngineError> {
        let mut known = self.resolved.lock().await;
        if let Some(known) = &*known {
            return Ok(Arc::clone(known));
        }
        let found =
            resolve::resolve(&self.calls, &self.database, self.password.as_ref(), &self.tools).await?;
        Ok(Arc::clone(known.insert(Arc::new(found))))
    }

    /// Asks anew the next time, unless somebody has done so already.
    async fn forget(&self, stale: &Arc<Resolved>) {
        let mut known = self.resolved.lock().await;
        if known.as_ref().is_some_and(|known| Arc::ptr_eq(known, stale)) {
            *known = None;
        }
    }
}

impl DynamicUsers for Neon {
    fn handle(&self, username: &str, spec: &DynamicUser) -> Handle {
        crate::engine::postgres::handle(&self.database.dbname, username, spec)
    }

    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.there(move |resolved| async move {
            let mut made = resolved.postgres.create(user).await?;
            made.credential.places.clone_from(&resolved.places);
            Ok(made)
        })
    }

    fn renew<'a>(&'a self, handle: &'a Handle, ttl: Duration) -> BoxFuture<'a, Result<(), EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.renew(handle, ttl).await })
    }

    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.disable(handle).await })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.remove(handle).await })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.list(prefix).await })
    }
}

impl Passwords for Neon {
    fn set<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.there(move |resolved| async move {
            let mut made = resolved.postgres.set(username, password).await?;
            made.credential.places.clone_from(&resolved.places);
            Ok(made)
        })
    }

    fn unset<'a>(&'a self, username: &'a str, sessions: Sessions) -> BoxFuture<'a, Result<(), EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.unset(username, sessions).await })
    }

    fn verify<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Option<Credential>, EngineError>> {
        self.there(move |resolved| async move {
            let found = resolved.postgres.verify(username, password).await?;
            Ok(found.map(|found| Credential { places: resolved.places.clone(), ..found }))
        })
    }
}

impl Inspection for Neon {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        self.there(move |resolved| async move {
            if let Some(missing) = resolved.missing.first() {
                // What was created at the provider in the meantime is found the next time.
                self.forget(&resolved).await;
                return Err(EngineError::Refused { detail: missing.clone() });
            }
            let info = resolved.postgres.server().await?;
            Ok(ServerInfo { version: format!("{}, at Neon, {}", info.version, resolved.branch) })
        })
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        self.there(move |resolved| async move { resolved.postgres.role(spec).await })
    }
}

/// How Neon's proxy and Postgres say that the password is wrong.
const LOGIN_FAILED: &str = "password authentication failed";

/// How Neon's proxy says that a compute is gone.
const NO_ENDPOINT: &str = "endpoint cannot be found";

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
