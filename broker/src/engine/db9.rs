//! The engine for DB9, through its API: tokens and passwords for users that are there, and a user per lease.
//!
//! A token is a password in clear text inside TLS: nothing binds it to the channel. It ends by itself and nothing
//! takes it back. Users are made through the API and have their privileges by membership, granted with statements
//! that the API carries out as the user `admin`. So are passwords set, but that of `admin` itself: DB9 makes it up.

mod calls;
mod inspect;
mod passwords;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::calls::{Calls, Server};
use crate::config::{CredentialSpec, Database, DynamicUser};
use crate::engine::{
    BuildError, ConnectTokens, DynamicUsers, Engine, EngineError, Inspection, Made, NewUser, Passwords,
    RoleInfo, ServerInfo, Sessions, Tools,
};
use crate::entropy;
use crate::model::{Credential, EndpointName, EngineKind, Handle, Place};
use crate::secret::Secret;

/// Builds the engine. Asks nothing until it is used.
pub fn engine(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    let section = database.db9.as_ref().ok_or(BuildError::NoSection { section: "db9" })?;
    let db9 = Arc::new(Db9 {
        calls: Calls::new(section, database)?,
        allow_admin: section.allow_admin,
        database: database.clone(),
        tools: tools.clone(),
    });
    Ok(Engine {
        kind: EngineKind::Db9,
        dynamic_users: Some(Arc::clone(&db9) as Arc<dyn DynamicUsers>),
        passwords: Some(Arc::clone(&db9) as Arc<dyn Passwords>),
        connect_tokens: Some(Arc::clone(&db9) as Arc<dyn ConnectTokens>),
        inspection: db9,
    })
}

struct Db9 {
    calls: Calls,
    allow_admin: bool,
    database: Database,
    tools: Tools,
}

impl Db9 {
    /// The same for every endpoint: DB9 has one way in.
    fn places(&self, place: &Place) -> BTreeMap<EndpointName, Place> {
        self.database.endpoints.keys().map(|name| (name.clone(), place.clone())).collect()
    }

    /// A user and password, and where they are good.
    fn credential(&self, username: String, password: Secret, server: Option<Server>) -> Credential {
        let Some(Server { host, port, dbname }) = server else { return Credential::new(username, password) };
        let place = Place { host: Some(host), port: Some(port), dbname: Some(dbname), ..Place::default() };
        Credential { username, password, places: self.places(&place) }
    }

    /// Where the database is, unless the configuration says it of every endpoint.
    async fn server(&self) -> Result<Option<Server>, EngineError> {
        let mut endpoints = self.database.endpoints.values();
        if endpoints.all(|endpoint| endpoint.host.is_some() && endpoint.port.is_some()) {
            return Ok(None);
        }
        Ok(Some(self.calls.database().await?.server()?))
    }

    /// Refuses what is for `admin`, unless the operator has allowed it.
    fn guard(&self, username: &str, what: &str) -> Result<(), EngineError> {
        if username == ADMIN && !self.allow_admin {
            let detail = format!("{what} of {ADMIN} may do everything: `db9.allow_admin` forbids it");
            return Err(EngineError::Refused { detail });
        }
        Ok(())
    }

    /// Gives a user a password that it then logs in with: this one, or, if it is `admin`, one that DB9 makes up.
    async fn give(
        &self,
        username: &str,
        password: &Secret,
        server: Option<&Server>,
    ) -> Result<Secret, EngineError> {
        if username == ADMIN {
            return passwords::reset(&self.calls).await;
        }
        passwords::refuse_passwordless(&self.calls).await?;
        match passwords::set(&self.calls, username, password).await {
            // The answer may be lost and not the request: then it is good already.
            Err(error @ EngineError::Unavailable { .. }) => {
                match self.logs_in(username, password, server).await {
                    Ok(true) => Ok(password.clone()),
                    _ => Err(error),
                }
            }
            set => set.map(|()| password.clone()),
        }
    }

    async fn logs_in(
        &self,
        username: &str,
        password: &Secret,
        server: Option<&Server>,
    ) -> Result<bool, EngineError> {
        let wire_name = self.calls.wire_name(username);
        passwords::logs_in(&wire_name, password, server, &self.database, &self.tools).await
    }
}

impl ConnectTokens for Db9 {
    fn token<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Made, EngineError>> {
        Box::pin(async move {
            self.guard(username, "a token")?;
            let token = self.calls.connect_token(username).await?;
            let lifetime = token.lifetime(self.tools.clock.now())?;
            let credential = self.credential(token.user, token.token, Some(token.server));
            Ok(Made { lifetime: Some(lifetime), ..Made::of(credential) })
        })
    }
}

impl DynamicUsers for Db9 {
    fn handle(&self, username: &str, _: &DynamicUser) -> Handle {
        Handle::of(username)
    }

    fn create<'a>(&'a self, user: &'a NewUser<'a>) -> BoxFuture<'a, Result<Made, EngineError>> {
        Box::pin(async move {
            let server = self.server().await?;
            users::create(&self.calls, user).await?;
            Ok(Made::of(self.credential(self.calls.wire_name(user.name), user.password.clone(), server)))
        })
    }

    fn renew<'a>(
        &'a self,
        handle: &'a Handle,
        ttl: std::time::Duration,
    ) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(users::renew(&self.calls, &handle.username, ttl))
    }

    fn disable<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(async move { users::disable(&self.calls, &handle.username).await.map(drop) })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(users::remove(&self.calls, &handle.username))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<String>, EngineError>> {
        Box::pin(async move {
            let names = self.calls.users().await?.into_iter().map(|user| user.name);
            Ok(names.filter(|name| name.starts_with(prefix)).collect())
        })
    }
}

impl Passwords for Db9 {
    fn set<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        Box::pin(async move {
            self.guard(username, "the password")?;
            let server = self.server().await?;
            let password = self.give(username, password, server.as_ref()).await?;
            Ok(Made::of(self.credential(self.calls.wire_name(username), password, server)))
        })
    }

    fn unset<'a>(&'a self, username: &'a str, sessions: Sessions) -> BoxFuture<'a, Result<(), EngineError>> {
        Box::pin(async move {
            let nobodys = entropy::password(&*self.tools.entropy);
            passwords::unset(&self.calls, username, &nobodys, sessions).await
        })
    }

    fn verify<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Option<Credential>, EngineError>> {
        Box::pin(async move {
            self.guard(username, "the password")?;
            let server = self.server().await?;
            let logs_in = self.logs_in(username, password, server.as_ref()).await?;
            let credential = || self.credential(self.calls.wire_name(username), password.clone(), server);
            Ok(logs_in.then(credential))
        })
    }
}

impl Inspection for Db9 {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        Box::pin(inspect::server(&self.calls))
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        Box::pin(inspect::role(&self.calls, spec))
    }
}

/// The user that may do everything, and cannot be deleted.
const ADMIN: &str = "admin";
