//! The end of a user: no new logins, no sessions, nothing owned, no role.

use sqlx::Row as _;

use crate::engine::postgres::connections::Connections;
use crate::engine::postgres::failure::{self, Failure};
use crate::engine::postgres::quote;
use crate::model::Handle;

/// Ends the user's sessions and removes it. Succeeds if there is none.
///
/// One round trip where the user owns nothing and was granted nothing, as it should be. Otherwise what it has
/// is given up first, in each database that the server says it has something in.
pub(super) async fn remove(connections: &Connections, handle: &Handle) -> Result<(), Failure> {
    let end = end(&handle.username)?;
    match connections.run(&end).await {
        Err(failure) if failure.is(failure::DEPENDENT_OBJECTS) => {}
        other => return other.map(drop),
    }
    let done = match give_up(connections, handle).await {
        Ok(()) => connections.run(&end).await.map(drop),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => Ok(()),
        Err(failure) => Err(explain(connections, &handle.username, failure).await),
    }
}

/// No new logins, from then on for everyone to see; then no sessions; then no role.
///
/// A session that was about to begin when logins ended is not seen at first: so it is looked for once more
/// when the role is gone, and found, it brings the role back.
fn end(username: &str) -> Result<String, Failure> {
    let (name, role) = (quote::literal(username)?, quote::identifier(username)?);
    let join = join(&role)?;
    let left = failure::SESSIONS_LEFT;
    Ok(quote::block(&format!(
        "DECLARE
  target oid := (SELECT oid FROM pg_roles WHERE rolname = {name});
  looks int := 0;
BEGIN
  IF target IS NULL THEN RETURN; END IF;
  ALTER ROLE {role} NOLOGIN;
  COMMIT;
  WHILE EXISTS (SELECT FROM pg_stat_activity WHERE usesysid = target) LOOP
    IF looks = {LOOKS} THEN
      RAISE EXCEPTION 'sessions have not ended yet' USING ERRCODE = '{left}';
    END IF;
    IF NOT pg_has_role('pg_signal_backend', 'USAGE') AND NOT pg_has_role(target, 'USAGE') THEN
      {join}
    END IF;
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = target;
    COMMIT;
    PERFORM pg_sleep(0.01 * least(looks, 10));
    COMMIT;
    looks := looks + 1;
  END LOOP;
  DROP ROLE IF EXISTS {role};
  PERFORM pg_stat_clear_snapshot();
  IF EXISTS (SELECT FROM pg_stat_activity WHERE usesysid = target) THEN
    RAISE EXCEPTION 'a session has just begun' USING ERRCODE = '{left}';
  END IF;
END"
    ))?)
}

/// Gives up what the user owns and was granted, wherever that is.
async fn give_up(connections: &Connections, handle: &Handle) -> Result<(), Failure> {
    let clean = clean(handle)?;
    // Here first: it ends what the user was granted on the databases themselves, too.
    connections.run(&clean).await?;
    let rows = connections.run(&places(&handle.username)?).await?;
    for row in rows {
        let (dbname, owns): (String, bool) = (row.try_get(0)?, row.try_get(1)?);
        if owns && handle.owner.is_none() && !handle.databases.contains(&dbname) {
            return Err(Failure::refused(format!(
                "the user {:?} owns things in the database {dbname:?}, which its role does not name: \
                 give them to another role there (REASSIGN OWNED BY {} TO …), or drop them (DROP OWNED BY {0})",
                handle.username,
                quote::identifier(&handle.username)?,
            )));
        }
        connections.run_in(&dbname, &clean).await?;
    }
    Ok(())
}

/// What the user owns goes to the owner, if one was named; what is left (privileges, or what it owns) ends.
///
/// What the broker lacks for this it takes only for as long: membership in the user ends with the user, and
/// membership in the owner with the transaction.
fn clean(handle: &Handle) -> Result<String, Failure> {
    let (name, role) = (quote::literal(&handle.username)?, quote::identifier(&handle.username)?);
    let reassign = match &handle.owner {
        None => String::new(),
        Some(owner) => {
            let (owner_name, owner) = (quote::literal(owner)?, quote::identifier(owner)?);
            let join_owner = join(&owner)?;
            format!(
                "lacks_owner := NOT (pg_has_role({owner_name}::name, 'USAGE') AND pg_has_role({owner_name}::name, acting));
  IF lacks_owner THEN {join_owner} END IF;
  REASSIGN OWNED BY {role} TO {owner};
  IF lacks_owner THEN REVOKE {owner} FROM CURRENT_USER; END IF;"
            )
        }
    };
    let join = join(&role)?;
    Ok(quote::block(&format!(
        "DECLARE
  acting text := CASE WHEN {HAS_MEMBERSHIP_OPTIONS} THEN 'SET' ELSE 'MEMBER' END;
  lacks_owner boolean;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN RETURN; END IF;
  IF NOT (pg_has_role({name}::name, 'USAGE') AND pg_has_role({name}::name, acting)) THEN {join} END IF;
  {reassign}
  DROP OWNED BY {role};
END"
    ))?)
}

/// PL/pgSQL that makes the broker's user a member that may act as `role` (quoted).
fn join(role: &str) -> Result<String, Failure> {
    let with_options = quote::literal(&format!("GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE"))?;
    Ok(format!(
        "IF {HAS_MEMBERSHIP_OPTIONS} THEN EXECUTE {with_options}; ELSE GRANT {role} TO CURRENT_USER; END IF;"
    ))
}

/// The other databases in which something depends on the user, and whether it owns some of that.
fn places(username: &str) -> Result<String, Failure> {
    let name = quote::literal(username)?;
    Ok(format!(
        "SELECT d.datname::text, bool_or(s.deptype = 'o')
           FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
          WHERE s.refclassid = 'pg_authid'::regclass AND d.datname <> current_database()
            AND s.refobjid = (SELECT oid FROM pg_roles WHERE rolname = {name})
          GROUP BY d.datname ORDER BY d.datname COLLATE \"C\""
    ))
}

/// Adds to a failure what no statement of ours can mend: transactions that the user has left prepared.
async fn explain(connections: &Connections, username: &str, failure: Failure) -> Failure {
    let Ok(name) = quote::literal(username) else { return failure };
    let sql = format!(
        "SELECT format('ROLLBACK PREPARED %L in the database %I', gid, database)
           FROM pg_prepared_xacts WHERE owner = {name} ORDER BY prepared LIMIT 5"
    );
    let Ok(rows) = connections.run(&sql).await else { return failure };
    let remedies: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    if remedies.is_empty() {
        return failure;
    }
    let detail = format!(
        "{}; the user has left prepared transactions, which only a superuser can end: {}",
        failure.detail,
        remedies.join("; ")
    );
    Failure { detail, ..failure }
}

/// From version 16 on a membership says whether it inherits and whether one may act as the role.
const HAS_MEMBERSHIP_OPTIONS: &str = "current_setting('server_version_num')::int >= 160000";

/// How often it is looked whether sessions have ended: for about 2.5 seconds.
const LOOKS: u32 = 30;
