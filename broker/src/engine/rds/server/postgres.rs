//! Who RDS lets in where Postgres is spoken: members of `rds_iam` with tokens, and all others with passwords.

use crate::config::{CredentialSpec, DynamicUser};
use crate::engine::postgres::{Postgres, quote};
use crate::engine::{EngineError, Inspection as _, RoleInfo};

/// What the user that is logged in can do.
pub(super) async fn own(session: &Postgres, username: &str) -> Result<RoleInfo, EngineError> {
    // A member of it can do all that it can.
    let user = DynamicUser { set_role: Some(username.to_owned()), ..DynamicUser::default() };
    session.role(&CredentialSpec::DynamicUser(user)).await
}

/// What keeps a user from logging in with a token, as the broker's own user sees it.
pub(super) async fn not_admitted(users: &Postgres, username: &str) -> Result<Option<String>, EngineError> {
    let (name, role) = (quoted(quote::literal(username))?, quoted(quote::identifier(username))?);
    let sql = format!(
        "SELECT CASE WHEN u.oid IS NULL THEN 'absent' WHEN NOT u.rolcanlogin THEN 'without login'
                     WHEN coalesce(pg_has_role(u.oid, i.oid, 'MEMBER'), false) THEN 'admitted' ELSE 'no member' END
           FROM (VALUES (1)) v LEFT JOIN pg_roles u ON u.rolname = {name} LEFT JOIN pg_roles i ON i.rolname = 'rds_iam'"
    );
    let found = users.texts(&sql).await?;
    Ok(match found.first().map(String::as_str) {
        Some("absent") => Some(format!("there is no user {role}: CREATE ROLE {role} LOGIN IN ROLE rds_iam;")),
        Some("without login") => Some(format!("{role} may not log in: ALTER ROLE {role} LOGIN;")),
        Some("no member") => Some(format!("{role} is not a member of rds_iam: GRANT rds_iam TO {role};")),
        _ => None,
    })
}

/// RDS lets members of `rds_iam` in with tokens alone: a new user with a password must not become one.
pub(super) async fn barred(users: &Postgres, spec: &DynamicUser) -> Result<Vec<String>, EngineError> {
    let groups = quoted(quote::names(spec.member_of.iter().chain(&spec.set_role).map(String::as_str)))?;
    let sql = format!(
        "SELECT g.rolname::text FROM pg_roles g JOIN pg_roles i ON i.rolname = 'rds_iam'
          WHERE g.rolname = ANY ({groups}) AND NOT g.rolsuper AND pg_has_role(g.oid, i.oid, 'MEMBER') ORDER BY 1"
    );
    let names = users.texts(&sql).await?;
    names
        .iter()
        .map(|name| {
            let group = quoted(quote::identifier(name))?;
            Ok(format!(
                "{group} is a member of rds_iam, and RDS lets its members in with tokens alone, never with a password: \
                 REVOKE rds_iam FROM {group};"
            ))
        })
        .collect()
}

fn quoted(text: Result<String, quote::Unquotable>) -> Result<String, EngineError> {
    text.map_err(|error| EngineError::Refused { detail: error.to_string() })
}
