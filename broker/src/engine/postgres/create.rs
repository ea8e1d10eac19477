//! The statements that make a user and let it go on.
//!
//! Each is one `DO` block: one round trip and one transaction. What only the server knows (its clock, whether
//! the user is there) is looked up in it.

use std::time::Duration;

use crate::config::DynamicUser;
use crate::engine::NewUser;
use crate::engine::postgres::failure::{Failure, NOT_OURS};
use crate::engine::postgres::{quote, settings};

/// Creates the user, or brings one of that name to the same state.
///
/// Privileges come by membership alone. A grant on an object would change the object's catalogue row, which
/// all users share: they would collide there, and in the end it would not hold them all.
///
/// `password` is an expression for what the server is given as the password.
pub(super) fn create(user: &NewUser<'_>, password: &str) -> Result<String, Failure> {
    let name = quote::literal(user.name)?;
    let role = quote::identifier(user.name)?;
    let groups = groups(user.spec);
    let memberships = quote::identifiers(groups.iter().copied())?;
    let group_names = quote::names(groups.iter().copied())?;
    let expiry = expiry(user.ttl);
    let limit = user.spec.connection_limit.map_or(-1, |limit| i32::try_from(limit).unwrap_or(i32::MAX));
    let login = format!("LOGIN CONNECTION LIMIT {limit}");
    let (in_role, grant) = if groups.is_empty() {
        (String::new(), String::new())
    } else {
        (format!(" IN ROLE {memberships}"), format!("GRANT {memberships} TO {role};"))
    };
    let create = quote::literal(&format!("CREATE ROLE {role} {login}{in_role} PASSWORD "))?;
    let alter = quote::literal(&format!("ALTER ROLE {role} {login} PASSWORD "))?;
    let set: String = settings::assignments(user.parameters, user.spec.set_role.as_deref())?
        .iter()
        .map(|assignment| format!("ALTER ROLE {role} SET {assignment};\n"))
        .collect();
    Ok(quote::block(&format!(
        "DECLARE
  proof text := quote_literal({password}) || ' VALID UNTIL ' || {expiry};
  present record;
  other name;
BEGIN
  SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls AS powerful
    INTO present FROM pg_roles WHERE rolname = {name};
  IF NOT FOUND THEN
    EXECUTE {create} || proof;
  ELSIF present.powerful THEN
    RAISE EXCEPTION 'there is a role of that name that was not made for a lease' USING ERRCODE = '{NOT_OURS}';
  ELSE
    EXECUTE {alter} || proof;
    ALTER ROLE {role} RESET ALL;
    FOR other IN
      SELECT g.rolname FROM pg_auth_members m
        JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member
        WHERE u.rolname = {name} AND g.rolname <> ALL ({group_names})
    LOOP
      EXECUTE 'REVOKE ' || quote_ident(other) || ' FROM ' || quote_ident({name});
    END LOOP;
    {grant}
  END IF;
  {set}END"
    ))?)
}

/// The setting of our session through which a password gets to the server that must not be part of a statement:
/// statements are shown to others, and counted under their texts.
pub(super) const PASSWORD_SETTING: &str = "dsn_broker.password";

/// Lets the user log in for `ttl` from now. Fails with [`super::failure::UNDEFINED_OBJECT`] if there is none.
pub(super) fn renew(username: &str, ttl: Duration) -> Result<String, Failure> {
    let alter = quote::literal(&format!("ALTER ROLE {} VALID UNTIL ", quote::identifier(username)?))?;
    Ok(quote::block(&format!("BEGIN EXECUTE {alter} || {}; END", expiry(ttl)))?)
}

/// Ends new logins. Fails with [`super::failure::UNDEFINED_OBJECT`] if there is no such user.
pub(super) fn disable(username: &str) -> Result<String, Failure> {
    Ok(format!("ALTER ROLE {} NOLOGIN", quote::identifier(username)?))
}

/// The roles that the user becomes a member of: those asked for, and the one its sessions act as.
pub(super) fn groups(spec: &DynamicUser) -> Vec<&str> {
    let mut groups: Vec<&str> = Vec::new();
    for group in spec.member_of.iter().chain(&spec.set_role) {
        if !groups.contains(&group.as_str()) {
            groups.push(group);
        }
    }
    groups
}

/// An expression for the quoted moment, by the server's clock, until which a password is good.
fn expiry(ttl: Duration) -> String {
    let seconds = (ttl + GRACE).as_secs_f64();
    format!("quote_literal(clock_timestamp() + interval '{seconds:.6} seconds')")
}

/// For how long after its lease a password is still good, so that the lease ends by our hand first.
const GRACE: Duration = Duration::from_secs(60);
