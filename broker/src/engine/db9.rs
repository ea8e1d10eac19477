//! The engine for DB9, through its API: tokens for users that are there, and a user per lease.
//!
//! A token is a password in clear text inside TLS: nothing binds it to the channel. It ends by itself and nothing
//! takes it back. Users are made through the API and have their privileges by membership, granted with statements
//! that the API carries out as the user `admin`.

mod calls;
mod inspect;
mod users;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use self::calls::{Calls, Server};
use crate::config::{CredentialSpec, Database, DynamicUser};
use crate::engine::{
    BuildError, ConnectTokens, DynamicUsers, Engine, EngineError, Inspection, Made, NewUser, RoleInfo,
    ServerInfo, Tools,
};
use crate::model::{Credential, EndpointName, EngineKind, Handle, Place};
use crate::secret::Secret;
use crate::time::Clock;

/// Builds the engine. Asks nothing until it is used.
pub fn engine(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    let section = database.db9.as_ref().ok_or(BuildError::NoSection { section: "db9" })?;
    let db9 = Arc::new(Db9 {
        calls: Calls::new(section, database)?,
        endpoints: database.endpoints.keys().cloned().collect(),
        hosts_known: database
            .endpoints
            .values()
            .all(|endpoint| endpoint.host.is_some() && endpoint.port.is_some()),
        allow_admin: section.allow_admin,
        clock: Arc::clone(&tools.clock),
    });
    Ok(Engine {
        kind: EngineKind::Db9,
        dynamic_users: Some(Arc::clone(&db9) as Arc<dyn DynamicUsers>),
        passwords: None,
        connect_tokens: Some(Arc::clone(&db9) as Arc<dyn ConnectTokens>),
        inspection: db9,
    })
}

struct Db9 {
    calls: Calls,
    endpoints: Vec<EndpointName>,
    /// Whether the configuration says where every endpoint is.
    hosts_known: bool,
    allow_admin: bool,
    clock: Arc<dyn Clock>,
}

impl Db9 {
    /// The same for every endpoint: DB9 has one way in.
    fn places(&self, place: &Place) -> BTreeMap<EndpointName, Place> {
        self.endpoints.iter().map(|name| (name.clone(), place.clone())).collect()
    }

    /// A user and password, and where they are good.
    fn credential(&self, username: String, password: Secret, server: Server) -> Credential {
        let Server { host, port, dbname } = server;
        let place = Place { host: Some(host), port: Some(port), dbname: Some(dbname), ..Place::default() };
        Credential { username, password, places: self.places(&place) }
    }
}

impl ConnectTokens for Db9 {
    fn token<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Made, EngineError>> {
        Box::pin(async move {
            if username == ADMIN && !self.allow_admin {
                return Err(EngineError::Refused {
                    detail: "a token for admin may do everything: `db9.allow_admin` forbids it".to_owned(),
                });
            }
            let token = self.calls.connect_token(username).await?;
            let lifetime = token.lifetime(self.clock.now())?;
            let credential = self.credential(token.user, token.token, token.server);
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
            let server = if self.hosts_known { None } else { Some(self.calls.database().await?.server()?) };
            users::create(&self.calls, user).await?;
            let (username, password) = (self.calls.wire_name(user.name), user.password.clone());
            Ok(Made::of(match server {
                Some(server) => self.credential(username, password, server),
                None => Credential::new(username, password),
            }))
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
