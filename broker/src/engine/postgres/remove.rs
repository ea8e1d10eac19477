//! The end of a user: no new logins, no sessions, nothing owned, no role.

use sqlx::Row as _;

use crate::engine::postgres::connections::Connections;
use crate::engine::postgres::failure::{self, Failure, Kind};
use crate::engine::postgres::quote;
use crate::model::Handle;

/// Ends the user's sessions and removes it. Succeeds if there is none.
///
/// One round trip where the user owns nothing and was granted nothing, as it should be. Otherwise what it has
/// is given up first, in each database that the server says it has something in.
pub(super) async fn remove(connections: &Connections, handle: &Handle) -> Result<(), Failure> {
    match remove_now(connections, handle).await {
        Ok(()) => Ok(()),
        Err(failure) => Err(explain(connections, &handle.username, failure).await),
    }
}

async fn remove_now(connections: &Connections, handle: &Handle) -> Result<(), Failure> {
    let end = end(&handle.username)?;
    match gone(connections.run(&end).await) {
        Err(failure) if failure.is(failure::DEPENDENT_OBJECTS) => {}
        // Somebody else removes the user at the same time, and the server stumbled over that: look again.
        Err(failure) if failure.is(failure::INTERNAL_ERROR) => return gone(connections.run(&end).await),
        other => return other,
    }
    let given_up = give_up(connections, handle).await;
    match (gone(connections.run(&end).await), given_up) {
        (Ok(()), _) => Ok(()),
        (Err(_), Err(failure)) => Err(failure),
        (Err(failure), Ok(())) if failure.is(failure::DEPENDENT_OBJECTS) => Err(Failure {
            detail: format!(
                "{}; who owns these, or a superuser, can end them in each database concerned: DROP OWNED BY {};",
                failure.detail,
                quote::identifier(&handle.username)?
            ),
            ..failure
        }),
        (Err(failure), Ok(())) => Err(failure),
    }
}

/// Somebody else may remove the user at the same time: then it is gone all the same.
fn gone<T>(result: Result<T, Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.is(failure::UNDEFINED_OBJECT) => Ok(()),
        other => other.map(drop),
    }
}

/// No new logins, from then on for everyone to see; then no sessions; then no role.
///
/// A session that was about to begin when logins ended is not seen at first: so it is looked for once more
/// when the role is gone, and found, it brings the role back.
fn end(username: &str) -> Result<String, Failure> {
    let (name, role) = (quote::literal(username)?, quote::identifier(username)?);
    let join = join(&role)?;
    let (left, began) = (failure::SESSIONS_LEFT, failure::SESSION_BEGAN);
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
    RAISE EXCEPTION 'a session has just begun' USING ERRCODE = '{began}';
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
/// A privilege can be ended only by the owner of the thing. So the broker's user becomes a member of those
/// owners, as far as it may, and of the owner named; all that only until the end of the transaction. It stays
/// a member of the user, which is about to go.
fn clean(handle: &Handle) -> Result<String, Failure> {
    let (name, role) = (quote::literal(&handle.username)?, quote::identifier(&handle.username)?);
    let owner_names = quote::names(handle.owner.as_deref())?;
    let reassign = match &handle.owner {
        Some(owner) => format!("REASSIGN OWNED BY {role} TO {};", quote::identifier(owner)?),
        None => String::new(),
    };
    let join = join(&role)?;
    Ok(quote::block(&format!(
        "DECLARE
  optional boolean := {HAS_MEMBERSHIP_OPTIONS};
  acting text := CASE WHEN optional THEN 'SET' ELSE 'MEMBER' END;
  options text := CASE WHEN optional THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  here oid := (SELECT oid FROM pg_database WHERE datname = current_database());
  me oid := (SELECT oid FROM pg_roles WHERE rolname = current_user);
  target oid := (SELECT oid FROM pg_roles WHERE rolname = {name});
  lender name;
  lenders name[] := '{{}}';
BEGIN
  IF target IS NULL THEN RETURN; END IF;
  IF NOT (pg_has_role(target, 'USAGE') AND pg_has_role(target, acting)) THEN {join} END IF;
  FOR lender IN
    SELECT r.rolname FROM pg_roles r
     WHERE r.oid <> target AND NOT (pg_has_role(r.oid, 'USAGE') AND pg_has_role(r.oid, acting))
       AND (r.rolname = ANY ({owner_names}) OR r.oid IN (
            SELECT o.refobjid FROM pg_shdepend s JOIN pg_shdepend o USING (dbid, classid, objid)
             WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = target AND s.dbid IN (0, here)
               AND o.refclassid = s.refclassid AND o.deptype = 'o'))
       -- What it was given before must still be there afterwards.
       AND NOT EXISTS (SELECT FROM pg_auth_members m
             WHERE m.roleid = r.oid AND m.member = me AND (m.grantor = me OR NOT optional))
  LOOP
    BEGIN
      EXECUTE 'GRANT ' || quote_ident(lender) || ' TO CURRENT_USER' || options;
      lenders := lenders || lender;
    EXCEPTION WHEN insufficient_privilege OR invalid_grant_operation THEN
      -- If it was needed, the server will say for what.
    END;
  END LOOP;
  {reassign}
  DROP OWNED BY {role};
  FOREACH lender IN ARRAY lenders LOOP
    EXECUTE 'REVOKE ' || quote_ident(lender) || ' FROM CURRENT_USER';
  END LOOP;
END"
    ))?)
}

/// PL/pgSQL that makes the broker's user a member that may act as `role` (quoted).
pub(super) fn join(role: &str) -> Result<String, Failure> {
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

/// Adds to a failure what may be behind it and what no statement of ours can mend.
async fn explain(connections: &Connections, username: &str, failure: Failure) -> Failure {
    if !matches!(failure.kind, Kind::Busy | Kind::Refused) {
        return failure;
    }
    match prepared_transactions(connections, username).await {
        None => failure,
        Some(remedies) => Failure {
            detail: format!(
                "{}; the user left prepared transactions, which only a superuser can end: {remedies}",
                failure.detail
            ),
            ..failure
        },
    }
}

/// The statements that end the transactions that the user has prepared and left.
async fn prepared_transactions(connections: &Connections, username: &str) -> Option<String> {
    let sql = format!(
        "SELECT string_agg(format('ROLLBACK PREPARED %L; in database %I', gid, database), '; ' ORDER BY prepared)
           FROM pg_prepared_xacts WHERE owner = {}",
        quote::literal(username).ok()?
    );
    connections.run(&sql).await.ok()?.first()?.try_get(0).ok()?
}

/// From version 16 on a membership says whether it inherits and whether one may act as the role.
const HAS_MEMBERSHIP_OPTIONS: &str = "current_setting('server_version_num')::int >= 160000";

/// How often it is looked whether sessions have ended: for about 2.5 seconds.
const LOOKS: u32 = 30;
