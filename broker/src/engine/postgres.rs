//! The engine for a Postgres server of one's own (13 to 18).
//!
//! A user per lease, made and unmade with statements by the broker's own user there, which needs CREATEROLE
//! and nothing more (from version 16 on: and the admin option on the roles it hands out).
//!
//! Guarantees: the password itself never reaches the server ([`scram`]); a user has its privileges by
//! membership alone ([`create`]); once it is removed, no session of it is left ([`remove`]); no call takes
//! longer than the database's timeout, whatever the server does.

mod connections;
mod create;
mod failure;
mod inspect;
mod login;
mod options;
mod password;
pub(in crate::engine) mod quote;
mod remove;
mod scram;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Row as _;
use tokio::sync::Semaphore;

use self::connections::Connections;
use self::failure::{Failure, UNDEFINED_OBJECT};
pub(in crate::engine) use self::login::{Login, PasswordSource};
use crate::config::{CredentialSpec, Database, DynamicUser};
use crate::engine::kept::Changeable;
use crate::engine::{
    BuildError, DynamicUsers, Engine, EngineError, Inspection, Made, NewUser, Passwords, RoleInfo,
    ServerInfo, Sessions, Tools,
};
use crate::entropy::{self, Entropy};
use crate::model::{Credential, EngineKind, Handle};
use crate::secret::Secret;

/// Builds the engine. Connects to nothing until it is used.
pub fn engine(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    let admin = database.admin.as_ref().ok_or(BuildError::NoAdmin)?;
    let password = admin.password.as_ref().ok_or(BuildError::NoAdmin)?.read()?;
    let password = Arc::new(Changeable::new(&admin.username, password, Arc::clone(&tools.kept)));
    let login = Login::of(database, &admin.endpoint, &admin.username, password)?;
    let postgres = Arc::new(Postgres::new(database, login, tools)?);
    Ok(Engine {
        kind: EngineKind::Postgres,
        dynamic_users: Some(Arc::clone(&postgres) as Arc<dyn DynamicUsers>),
        connect_tokens: None,
        passwords: Some(Arc::clone(&postgres) as Arc<dyn Passwords>),
        inspection: postgres,
    })
}

/// What removing a user will need that is made by SQL.
pub(in crate::engine) fn handle(dbname: &str, username: &str, spec: &DynamicUser) -> Handle {
    let mut databases = vec![dbname.to_owned()];
    for database in &spec.databases {
        if !databases.contains(database) {
            databases.push(database.clone());
        }
    }
    Handle { databases, owner: spec.set_role.clone(), ..Handle::of(username) }
}

/// A server that the broker logs in to, whoever runs it.
pub(in crate::engine) struct Postgres {
    connections: Connections,
    /// Fewer than there are connections: removals that wait for locks must not keep new users from being made.
    removals: Semaphore,
    dbname: String,
    /// How long a call may take, waiting for others included.
    timeout: Duration,
    /// Whether it takes passwords alone, and no verifiers.
    wants_passwords: bool,
    entropy: Arc<dyn Entropy>,
}

impl Postgres {
    /// Connects to nothing until it is used.
    pub(in crate::engine) fn new(
        database: &Database,
        login: Login,
        tools: &Tools,
    ) -> Result<Self, BuildError> {
        let at_once = usize::from(u16::try_from(database.concurrency).unwrap_or(u16::MAX)).max(1);
        let (options, entropy) = (options::connect_options(database, &login)?, Arc::clone(&tools.entropy));
        Ok(Self {
            connections: Connections::new(options, login.password, at_once, Arc::clone(&entropy)),
            removals: Semaphore::new((at_once - at_once / 4).min(at_once.saturating_sub(1)).max(1)),
            dbname: database.dbname.clone(),
            timeout: database.timeout.0,
            wants_passwords: false,
            entropy,
        })
    }

    /// Gives it passwords instead of verifiers, beside the statements and not in them.
    pub(in crate::engine) fn wanting_passwords(self) -> Self {
        Self { wants_passwords: true, ..self }
    }

    /// What the server answers to one statement, in which all names and values went through [`quote`]: the first
    /// column, which is text.
    pub(in crate::engine) fn texts<'a>(
        &'a self,
        sql: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.bounded(async move {
            let rows = self.connections.run(sql).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
    }

    /// Runs a statement that is made with an expression for what the server is given as the password.
    async fn with_password(
        &self,
        password: &Secret,
        statement: impl Fn(&str) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        if self.wants_passwords {
            let expression = format!("current_setting('{}')", create::PASSWORD_SETTING);
            self.connections.run_with(Some(password), &statement(&expression)?).await?;
        } else {
            let verifier = quote::literal(&self.verifier(password)?)?;
            self.connections.run(&statement(&verifier)?).await?;
        }
        Ok(())
    }

    fn verifier(&self, password: &Secret) -> Result<String, Failure> {
        let salt = entropy::bytes(&*self.entropy);
        scram::verifier(password, &salt)
            .ok_or_else(|| Failure::refused("the password is not printable ASCII"))
    }

    /// Does it, or gives up in time.
    fn bounded<'a, T: Send>(
        &'a self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, EngineError>> {
        Box::pin(async move {
            match tokio::time::timeout(self.timeout, work).await {
                Ok(result) => result.map_err(EngineError::from),
                Err(_) => Err(EngineError::Unavailable {
                    detail: format!("{}: not done within {:?}", self.connections.place(), self.timeout),
                }),
            }
        })
    }
}

impl DynamicUsers for Postgres {
    fn handle(&self, username: &str, spec: &DynamicUser) -> Handle {
        handle(&self.dbname, username, spec)
    }

    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(async move {
            self.with_password(user.password, |password| create::create(user, password)).await?;
            Ok(Made::of(Credential::new(user.name, user.password.clone())))
        })
    }

    fn renew<'a>(&'a self, handle: &'a Handle, ttl: Duration) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(
            async move { self.connections.run(&create::renew(&handle.username, ttl)?).await.map(drop) },
        )
    }

    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            match self.connections.run(&create::disable(&handle.username)?).await {
                Err(failure) if failure.is(UNDEFINED_OBJECT) => Ok(()),
                other => other.map(drop),
            }
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            let _turn =
                self.removals.acquire().await.map_err(|_| Failure::refused("the engine is closed"))?;
            remove::remove(&self.connections, handle).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.bounded(async move {
            let sql = format!(
                "SELECT rolname::text FROM pg_roles WHERE starts_with(rolname::text, {})
                  ORDER BY rolname COLLATE \"C\"",
                quote::literal(prefix)?
            );
            let rows = self.connections.run(&sql).await?;
            rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
    }
}

impl Passwords for Postgres {
    fn set<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(async move {
            self.with_password(password, |password| password::set(username, password)).await?;
            Ok(Made::of(Credential::new(username, password.clone())))
        })
    }

    fn unset<'a>(&'a self, username: &'a str, sessions: Sessions) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            let nobodys = entropy::password(&*self.entropy);
            let unset = self.with_password(&nobodys, |password| password::set(username, password)).await;
            match unset {
                // Who is not there has no password and no sessions.
                Err(failure) if failure.is(UNDEFINED_OBJECT) => return Ok(()),
                other => other?,
            };
            if sessions == Sessions::End {
                self.connections.run(&password::end_sessions(username)?).await?;
            }
            Ok(())
        })
    }

    fn verify<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Option<Credential>, EngineError>> {
        self.bounded(async move {
            let logs_in = self.connections.logs_in(username, password).await?;
            Ok(logs_in.then(|| Credential::new(username, password.clone())))
        })
    }
}

impl Inspection for Postgres {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        self.bounded(inspect::server(&self.connections))
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        self.bounded(async move {
            match spec {
                CredentialSpec::DynamicUser(spec) => inspect::role(&self.connections, spec).await,
                CredentialSpec::RotatedPassword(pair) => inspect::pair(&self.connections, pair).await,
                CredentialSpec::ConnectToken(_) => Ok(RoleInfo::default()),
            }
        })
    }
}
