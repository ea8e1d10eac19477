//! What the database is, and what is known of users without asking more than the API says.

use crate::config::{CredentialSpec, DynamicUser};
use crate::engine::db9::ADMIN;
use crate::engine::db9::calls::{Calls, User};
use crate::engine::postgres::quote;
use crate::engine::{EngineError, RoleInfo, ServerInfo};

/// Asks whether the database is there and active.
pub(super) async fn server(calls: &Calls) -> Result<ServerInfo, EngineError> {
    let database = calls.database().await?;
    if database.state != ACTIVE {
        let detail = format!("the database is {}, not {ACTIVE}", database.state);
        return Err(EngineError::Refused { detail });
    }
    let region = database.region.map_or_else(String::new, |region| format!(" in {region}"));
    Ok(ServerInfo { version: format!("DB9, database {:?}{region}", database.name) })
}

/// Asks what is known of the users and groups that a credential is made of.
pub(super) async fn role(calls: &Calls, spec: &CredentialSpec) -> Result<RoleInfo, EngineError> {
    match spec {
        CredentialSpec::ConnectToken(token) => {
            Ok(of_user(calls.user(&token.username).await?, &token.username)?)
        }
        CredentialSpec::DynamicUser(user) => of_groups(calls, user).await,
        CredentialSpec::RotatedPassword(_) => Ok(RoleInfo::default()),
    }
}

fn of_user(user: Option<User>, name: &str) -> Result<RoleInfo, quote::Unquotable> {
    let quoted = quote::identifier(name)?;
    let Some(user) = user else {
        let mistake =
            format!("there is no user {name:?}: CREATE ROLE {quoted} LOGIN; and GRANT it what it may do");
        return Ok(RoleInfo { mistakes: vec![mistake], ..RoleInfo::default() });
    };
    let mut info =
        RoleInfo { can: vec![format!("all that the user {name:?} was granted")], ..RoleInfo::default() };
    let powers = [
        (user.is_superuser || name == ADMIN, "is a superuser"),
        (user.can_create_role, "may create users"),
        (user.can_create_db, "may create databases"),
    ];
    let has = powers.iter().filter(|(has, _)| *has);
    info.warnings.extend(has.map(|(_, what)| format!("the user {name:?} {what}")));
    if !user.can_login {
        info.mistakes.push(format!("the user {name:?} may not log in: ALTER ROLE {quoted} LOGIN;"));
    }
    Ok(info)
}

async fn of_groups(calls: &Calls, user: &DynamicUser) -> Result<RoleInfo, EngineError> {
    let mut info = RoleInfo::default();
    let powers = "rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls";
    for group in &user.member_of {
        let name = quote::literal(group)?;
        let asked = |further: &str| format!("SELECT rolname FROM pg_roles WHERE rolname = {name}{further}");
        if calls.sql("the roles there", &asked(""), None).await?.is_empty() {
            let mistake = format!("there is no role {group:?}: CREATE ROLE {};", quote::identifier(group)?);
            info.mistakes.push(mistake);
            continue;
        }
        info.can.push(format!("all that the role {group:?} was granted"));
        if !calls.sql("the roles there", &asked(&format!(" AND ({powers})")), None).await?.is_empty() {
            info.warnings.push(format!("the role {group:?} has powers over the whole server"));
        }
    }
    Ok(info)
}

const ACTIVE: &str = "ACTIVE";
