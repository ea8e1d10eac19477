//! What the database is, and what is known of users without asking more than the API says.

use crate::config::{CredentialSpec, DynamicUser, RotatedPassword};
use crate::engine::db9::ADMIN;
use crate::engine::db9::calls::{Calls, PASSWORDLESS, User};
use crate::engine::db9::users::first_cell;
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
        CredentialSpec::RotatedPassword(pair) => of_pair(calls, pair).await,
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

async fn of_pair(calls: &Calls, pair: &RotatedPassword) -> Result<RoleInfo, EngineError> {
    let (mut info, mut there) = (RoleInfo::default(), Vec::new());
    let mut users = calls.users().await?;
    for name in &pair.users {
        let index = users.iter().position(|user| user.name == *name);
        let user = index.map(|index| users.swap_remove(index));
        there.extend(user.as_ref().map(|user| (name, user.is_superuser)));
        let of_user = of_user(user, name)?;
        info.can.extend(of_user.can);
        info.warnings.extend(of_user.warnings);
        info.mistakes.extend(of_user.mistakes);
    }
    match there.as_slice() {
        [(_, true), (lesser, false)] | [(lesser, false), (_, true)] => info.warnings.push(format!(
            "only one of the two users is a superuser: what works now may not after a rotation: ALTER ROLE {} SUPERUSER;",
            quote::identifier(lesser)?
        )),
        [(first, false), (second, false)] => {
            let (one, other) = (groups_of(calls, first).await?, groups_of(calls, second).await?);
            if one != other {
                info.warnings.push(format!(
                    "the two users are members of different roles ({one}; {other}): what works now may not after a rotation"
                ));
            }
        }
        _ => {}
    }
    if calls.admin_password().await?.is_none() {
        info.mistakes.push(PASSWORDLESS.to_owned());
    }
    if pair.users.iter().any(|name| name == ADMIN) {
        info.warnings.push(format!(
            "whoever has an API token can read the password of {ADMIN:?}, and whoever resets it ends the one that was handed out at once"
        ));
    }
    Ok(info)
}

/// The roles that a user is a member of.
async fn groups_of(calls: &Calls, username: &str) -> Result<String, EngineError> {
    let statement = format!(
        "SELECT coalesce(string_agg(g.rolname, ', ' ORDER BY g.rolname), '') AS groups
           FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
          WHERE u.rolname = {}",
        quote::literal(username)?
    );
    let rows = calls.sql("the roles of the user", &statement, None).await?;
    Ok(rows.first().and_then(first_cell).unwrap_or_default().to_owned())
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
