//! A user per lease: made through the API, and given its privileges with statements.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::engine::api::ApiError;
use crate::engine::db9::calls::Calls;
use crate::engine::postgres::quote::{self, Unquotable};
use crate::engine::{EngineError, NewUser};

/// Creates the user, or brings one of that name to the same state, and then lets it in for its time.
pub(super) async fn create(calls: &Calls, user: &NewUser<'_>) -> Result<(), EngineError> {
    let role = quote::identifier(user.name)?;
    let groups = quote::identifiers(user.spec.member_of.iter().map(String::as_str))?;
    match calls.create_user(user.name, user.password).await {
        Err(ApiError::Refused { status: StatusCode::CONFLICT, .. })
            if calls.user(user.name).await?.is_some() =>
        {
            let password = quote::literal(user.password.expose())?;
            let statement = format!("ALTER ROLE {role} LOGIN PASSWORD {password}");
            calls.sql("the password of the user", &statement, Some(user.password)).await?;
        }
        other => other?,
    }
    calls.sql("the privileges of the user", &format!("GRANT {groups} TO {role}"), None).await?;
    for (name, value) in user.parameters {
        let setting =
            format!("ALTER ROLE {role} SET {} = {}", quote::identifier(name)?, quote::literal(value)?);
        calls.sql("the settings of the user", &setting, None).await?;
    }
    renew(calls, user.name, user.ttl).await
}

/// Lets the user log in for `ttl` from now, by the database's clock.
pub(super) async fn renew(calls: &Calls, username: &str, ttl: Duration) -> Result<(), EngineError> {
    let seconds = (ttl + GRACE).as_secs();
    let moment = format!("SELECT (now() + interval '{seconds} seconds')::text");
    let rows = calls.sql("the time there", &moment, None).await?;
    let moment = rows.first().and_then(first_cell).ok_or_else(|| EngineError::Refused {
        detail: "the API did not say what time it is in the database".to_owned(),
    })?;
    let (role, moment) = (quote::identifier(username)?, quote::literal(moment)?);
    let statement = format!("ALTER ROLE {role} VALID UNTIL {moment}");
    calls.sql("the end of the user's time", &statement, None).await.map(drop)
}

/// Ends new logins; whether there is such a user.
pub(super) async fn disable(calls: &Calls, username: &str) -> Result<bool, EngineError> {
    // Asked first, for the API gives no codes by which to tell that there is none.
    if calls.user(username).await?.is_none() {
        return Ok(false);
    }
    let statement = format!("ALTER ROLE {} NOLOGIN", quote::identifier(username)?);
    match calls.sql("the end of logins", &statement, None).await {
        // Somebody else removed it at the same time.
        Err(_) if calls.user(username).await?.is_none() => Ok(false),
        done => done.map(|_| true),
    }
}

/// No new logins, no sessions, no user.
pub(super) async fn remove(calls: &Calls, username: &str) -> Result<(), EngineError> {
    if !disable(calls, username).await? {
        return Ok(());
    }
    end_sessions(calls, username).await?;
    let delete = || async {
        match calls.delete_user(username).await {
            // That there is no such thing could also be said of the database.
            Err(error) if error.is_not_found() && calls.user(username).await?.is_none() => Ok(()),
            done => done,
        }
    };
    match delete().await {
        Err(ApiError::Refused { .. }) => {
            // It may own something, or was granted something.
            let statement = format!("DROP OWNED BY {}", quote::identifier(username)?);
            calls.sql("what the user owns", &statement, None).await?;
            Ok(delete().await?)
        }
        done => Ok(done?),
    }
}

/// Ends the user's sessions until none is left; who calls says how long that may take.
pub(super) async fn end_sessions(calls: &Calls, username: &str) -> Result<(), EngineError> {
    let name = quote::literal(username)?;
    let statement = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {name}");
    let mut pause = Duration::from_millis(50);
    while !calls.sql("the end of the user's sessions", &statement, None).await?.is_empty() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    Ok(())
}

/// The first value of a row, whether rows are lists or have names.
pub(super) fn first_cell(row: &Value) -> Option<&str> {
    let value = match row {
        Value::Array(values) => values.first(),
        Value::Object(values) => values.values().next(),
        _ => None,
    };
    value?.as_str()
}

impl From<Unquotable> for EngineError {
    fn from(error: Unquotable) -> Self {
        Self::Refused { detail: error.to_string() }
    }
}

/// For how long after its lease a user may still log in, so that the lease ends by our hand first.
const GRACE: Duration = Duration::from_secs(60);
