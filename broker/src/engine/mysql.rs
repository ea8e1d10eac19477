//! The engine for a MySQL (8.0 on) or MariaDB (10.11 on) server of one's own.
//!
//! A user per lease, made and unmade with statements by the broker's own user there. These servers know neither an
//! expiry of users nor settings of their sessions: nothing ends a user but [`remove`], which the broker repeats until
//! it succeeds, and renewing changes nothing on the server.
//!
//! Guarantees: a user comes in over TLS alone and has the privileges of its role and no others ([`create`]); once it is
//! removed, no session of it is left ([`remove`]); no call takes longer than the database's timeout. The statements are
//! not one transaction, there is no such thing here for users: the password leaves the broker only after the last of
//! them, and whatever a crash leaves is one user, which is removed by its name.

mod connections;
mod create;
mod failure;
mod grants;
mod inspect;
mod options;
mod password;
mod quote;
mod remove;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::connections::Connections;
use self::failure::Failure;
use crate::config::{CredentialSpec, Database, DynamicUser};
use crate::engine::kept::Changeable;
use crate::engine::postgres::Login;
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
    let mysql = Arc::new(Mysql::new(database, login, tools)?);
    Ok(Engine {
        kind: EngineKind::Mysql,
        dynamic_users: Some(Arc::clone(&mysql) as Arc<dyn DynamicUsers>),
        connect_tokens: None,
        passwords: Some(Arc::clone(&mysql) as Arc<dyn Passwords>),
        inspection: mysql,
    })
}

/// Who runs a server, as far as that changes what its users may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host {
    /// Whoever gives the broker's user its privileges.
    Own,
    /// Amazon, who lets nobody end the sessions of others but by a procedure.
    Rds,
}

/// A server that the broker logs in to, whoever runs it.
pub(in crate::engine) struct Mysql {
    connections: Connections,
    /// How long a call may take, waiting for others included.
    timeout: Duration,
    entropy: Arc<dyn Entropy>,
}

impl Mysql {
    /// Connects to nothing until it is used.
    pub(in crate::engine) fn new(
        database: &Database,
        login: Login,
        tools: &Tools,
    ) -> Result<Self, BuildError> {
        let options = options::connect_options(database, &login)?;
        let host = if database.engine == EngineKind::Rds { Host::Rds } else { Host::Own };
        let at_once = usize::from(u16::try_from(database.concurrency).unwrap_or(u16::MAX)).max(1);
        let (timeout, entropy) = (database.timeout.0, Arc::clone(&tools.entropy));
        let connections =
            Connections::new(options, login.password, host, at_once, timeout, Arc::clone(&entropy));
        Ok(Self { connections, timeout, entropy })
    }

    /// What the user that it logs in as can do itself.
    pub(in crate::engine) fn own(&self) -> BoxFuture<'_, Result<RoleInfo, EngineError>> {
        self.bounded(inspect::own(&self.connections))
    }

    /// By which plugins the server tells that it is this user; none if there is no such user.
    pub(in crate::engine) fn plugins<'a>(
        &'a self,
        username: &'a str,
    ) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.bounded(inspect::plugins(&self.connections, username))
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

impl DynamicUsers for Mysql {
    fn handle(&self, username: &str, _: &DynamicUser) -> Handle {
        Handle::of(username)
    }

    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(async move {
            if !user.parameters.is_empty() {
                return Err(Failure::refused("users have no settings for their sessions here"));
            }
            self.connections.run(|server| create::create(user, server)).await?;
            Ok(Made::of(Credential::new(user.name, user.password.clone())))
        })
    }

    fn renew<'a>(&'a self, handle: &'a Handle, _: Duration) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            let found = self.connections.run(|_| create::find(&handle.username)).await?;
            match found.is_empty() {
                true => Err(Failure::refused(format!("there is no user {:?}", handle.username))),
                false => Ok(()),
            }
        })
    }

    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move { self.connections.run(|_| remove::lock(&handle.username)).await.map(drop) })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(remove::remove(&self.connections, &handle.username))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        self.bounded(async move {
            let rows = self.connections.run(|_| create::list(prefix)).await?;
            rows.iter().map(connections::text).collect()
        })
    }
}

impl Passwords for Mysql {
    fn set<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(async move {
            let (is_own, user) = (self.connections.is_own(username), quote::user(username)?);
            let set = |server: &_| match is_own {
                true => Ok(password::set_own(password, server)?),
                false => Ok(password::set(&user, password, server)?),
            };
            self.connections.run(set).await?;
            Ok(Made::of(Credential::new(username, password.clone())))
        })
    }

    fn unset<'a>(&'a self, username: &'a str, sessions: Sessions) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            let password = entropy::password(&*self.entropy);
            let user = format!("IF EXISTS {}", quote::user(username)?);
            self.connections.run(|server| Ok(password::set(&user, &password, server)?)).await?;
            match sessions {
                Sessions::End => remove::end_all_sessions(&self.connections, username).await,
                Sessions::Leave => Ok(()),
            }
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

impl Inspection for Mysql {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        self.bounded(inspect::server(&self.connections))
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        self.bounded(async move {
            match spec {
                CredentialSpec::DynamicUser(spec) => inspect::role(&self.connections, spec).await,
                CredentialSpec::RotatedPassword(pair) => inspect::pair(&self.connections, &pair.users).await,
                CredentialSpec::ConnectToken(_) => Ok(RoleInfo::default()),
            }
        })
    }
}

/// By which sessions are ended at RDS (Amazon RDS user guide, "Ending a session or query").
const RDS_KILL: &str = "mysql.rds_kill";
