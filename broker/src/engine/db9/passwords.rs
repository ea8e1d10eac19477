//! The passwords of users that are there: set with a statement, and that of `admin` made up by DB9.

use std::sync::Arc;

use crate::config::{Database, EndpointKind};
use crate::engine::db9::ADMIN;
use crate::engine::db9::calls::{AdminPassword, Calls, PASSWORDLESS, Server};
use crate::engine::db9::users;
use crate::engine::postgres::{Login, Postgres, quote};
use crate::engine::{EngineError, Passwords as _, Sessions, Tools};
use crate::secret::Secret;

/// Gives the user this password.
pub(super) async fn set(calls: &Calls, username: &str, password: &Secret) -> Result<(), EngineError> {
    let (role, literal) = (quote::identifier(username)?, quote::literal(password.expose())?);
    let statement = format!("ALTER ROLE {role} PASSWORD {literal}");
    calls.sql("the password of the user", &statement, Some(password)).await.map(drop)
}

/// Refuses a database that takes the statement, and then not the password.
pub(super) async fn refuse_passwordless(calls: &Calls) -> Result<(), EngineError> {
    match calls.admin_password().await.map_err(EngineError::from) {
        Ok(None) => Err(passwordless()),
        // It is not the password that matters here, so neither does it whether the token may read it.
        Ok(Some(_)) | Err(EngineError::Refused { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Has DB9 make up another password for `admin`. The one before ends at once.
pub(super) async fn reset(calls: &Calls) -> Result<Secret, EngineError> {
    let before = calls.admin_password().await?.ok_or_else(passwordless)?;
    reset_from(calls, before).await
}

async fn reset_from(calls: &Calls, before: AdminPassword) -> Result<Secret, EngineError> {
    if before.user != ADMIN && before.user != calls.wire_name(ADMIN) {
        let detail = format!("DB9 would reset the password of {:?}, not of {ADMIN:?}", before.user);
        return Err(EngineError::Refused { detail });
    }
    match calls.reset_admin_password().await.map_err(EngineError::from) {
        // The answer may be lost and not the request: then the password is another one already.
        Err(error @ EngineError::Unavailable { .. }) => match calls.admin_password().await {
            Ok(Some(now)) if now.password != before.password => Ok(now.password),
            _ => Err(error),
        },
        reset => reset.map(|reset| reset.password),
    }
}

/// Gives the user a password that nobody knows. Succeeds if there is no such user.
pub(super) async fn unset(
    calls: &Calls,
    username: &str,
    nobodys: &Secret,
    sessions: Sessions,
) -> Result<(), EngineError> {
    if username == ADMIN {
        return unset_admin(calls, sessions).await;
    }
    match set(calls, username, nobodys).await {
        // The API gives no codes by which to tell that there is none.
        Err(_) if calls.user(username).await?.is_none() => return Ok(()),
        done => done?,
    }
    match sessions {
        Sessions::End => users::end_sessions(calls, username).await,
        Sessions::Leave => Ok(()),
    }
}

async fn unset_admin(calls: &Calls, sessions: Sessions) -> Result<(), EngineError> {
    // Without passwords none is good.
    if let Some(before) = calls.admin_password().await? {
        reset_from(calls, before).await?;
    }
    if sessions == Sessions::End {
        // Once, and not until there are none: the API's own are of `admin`, too.
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ADMIN}' AND pid <> pg_backend_pid()"
        );
        calls.sql("the end of the user's sessions", &statement, None).await?;
    }
    Ok(())
}

/// Whether the user logs in with this password, where clients do.
pub(super) async fn logs_in(
    wire_name: &str,
    password: &Secret,
    server: Option<&Server>,
    database: &Database,
    tools: &Tools,
) -> Result<bool, EngineError> {
    let refused = |detail: String| EngineError::Refused { detail };
    let direct = database.endpoints.iter().find(|(name, at)| at.kind(name) == EndpointKind::Primary);
    let (endpoint, at) = direct
        .or(database.endpoints.iter().next())
        .ok_or_else(|| refused("it has no endpoint".to_owned()))?;
    let host = server.map(|server| server.host.clone()).or_else(|| at.host.clone());
    let port = server.map(|server| server.port).or(at.port);
    let (Some(host), Some(port)) = (host, port) else {
        return Err(refused(format!("the endpoint {endpoint} has no host and port")));
    };
    let dbname = server.map_or_else(|| database.dbname.clone(), |server| server.dbname.clone());
    let database = Database { dbname, ..database.clone() };
    let login = Login {
        endpoint: endpoint.clone(),
        host,
        port,
        username: wire_name.to_owned(),
        password: Arc::new(password.clone()),
    };
    let postgres = Postgres::new(&database, login, tools).map_err(|error| refused(error.to_string()))?;
    Ok(postgres.verify(wire_name, password).await?.is_some())
}

fn passwordless() -> EngineError {
    EngineError::Refused { detail: PASSWORDLESS.to_owned() }
}
