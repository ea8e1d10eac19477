//! The statements that change the passwords of users that are there.

use crate::engine::postgres::failure::Failure;
use crate::engine::postgres::{quote, remove};

/// Gives the user another password; `password` is an expression for what the server is given as that.
pub(super) fn set(username: &str, password: &str) -> Result<String, Failure> {
    let alter = quote::literal(&format!("ALTER ROLE {} PASSWORD ", quote::identifier(username)?))?;
    Ok(quote::block(&format!("BEGIN EXECUTE {alter} || quote_literal({password}); END"))?)
}

/// Ends the user's sessions.
///
/// Only a member of a role may end its sessions: the broker's user becomes one until the end of the transaction.
pub(super) fn end_sessions(username: &str) -> Result<String, Failure> {
    let (name, role) = (quote::literal(username)?, quote::identifier(username)?);
    let join = remove::join(&role)?;
    Ok(quote::block(&format!(
        "DECLARE joins boolean := NOT pg_has_role({name}, 'USAGE');
BEGIN
  IF joins THEN {join} END IF;
  PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {name};
  IF joins THEN REVOKE {role} FROM CURRENT_USER; END IF;
END"
    ))?)
}
