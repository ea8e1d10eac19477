//! What is right and wrong with the two users of a rotated password.

use sqlx::Row as _;

use crate::config::RotatedPassword;
use crate::engine::RoleInfo;
use crate::engine::postgres::connections::Connections;
use crate::engine::postgres::failure::Failure;
use crate::engine::postgres::quote;

/// Asks the server about the users, and whether the broker may change their passwords.
pub(super) async fn inspect(connections: &Connections, pair: &RotatedPassword) -> Result<RoleInfo, Failure> {
    let mut info = RoleInfo::default();
    let mut groups = Vec::new();
    for username in &pair.users {
        let quoted = quote::identifier(username)?;
        let rows = connections.run(&query(username)?).await?;
        let Some(row) = rows.first() else {
            info.mistakes.push(format!(
                "there is no user {username:?}: CREATE ROLE {quoted} LOGIN; and give it its privileges"
            ));
            continue;
        };
        let (may_log_in, powerful, mine): (bool, bool, bool) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if !may_log_in {
            info.mistakes.push(format!("the user {username:?} may not log in: ALTER ROLE {quoted} LOGIN"));
        }
        if !mine {
            let me = quote::identifier(&row.try_get::<String, _>(3)?)?;
            info.mistakes.push(format!(
                "the broker's user may not change the password of {username:?}: GRANT {quoted} TO {me} WITH ADMIN OPTION"
            ));
        }
        if powerful {
            info.warnings
                .push(format!("the user {username:?} is a superuser, or may create roles or databases"));
        }
        groups.push(row.try_get::<String, _>(4)?);
    }
    if let [first, second] = groups.as_slice() {
        match first == second {
            true if first.is_empty() => {}
            true => info.can.push(format!("all that these roles can do: {first}")),
            false => info.warnings.push(format!(
                "the two users are members of different roles ({first}; {second}): what works now may not after a rotation"
            )),
        }
    }
    Ok(info)
}

/// Before version 16, CREATEROLE was enough for the passwords of all but superusers.
fn query(username: &str) -> Result<String, Failure> {
    Ok(format!(
        "SELECT r.rolcanlogin, r.rolsuper OR r.rolcreaterole OR r.rolcreatedb,
                me.rolsuper OR me.rolcreaterole AND NOT r.rolsuper
                  AND (current_setting('server_version_num')::int < 160000
                       OR pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')),
                me.rolname::text,
                coalesce((SELECT string_agg(g.rolname, ', ' ORDER BY g.rolname COLLATE \"C\")
                            FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                           WHERE m.member = r.oid), '')
           FROM pg_roles r, pg_roles me WHERE me.rolname = current_user AND r.rolname = {}",
        quote::literal(username)?
    ))
}
