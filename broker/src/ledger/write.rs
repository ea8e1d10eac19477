//! One transaction's statements. Each kind of change is one statement for a whole batch.

use std::collections::HashSet;

use sqlx::types::Json;
use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use crate::ledger::entry::{Change, Fence, NewLease};
use crate::ledger::lease_row::text_of;
use crate::model::{Lease, State};
use crate::time::Timestamp;

/// Applies the changes of a batch; answers for each, in their order, whether it applied.
pub(super) async fn apply(
    connection: &mut PgConnection,
    changes: &[&Change],
) -> Result<Vec<bool>, sqlx::Error> {
    let mut applied = vec![false; changes.len()];
    let mut opened = Vec::new();
    for (change, applied) in changes.iter().zip(&mut applied) {
        match change {
            Change::Open(new) => opened.push((&**new, applied)),
            Change::Move { to, fence } => *applied = move_lease(connection, to, *fence).await?,
            Change::Defer { lease, claim, due_at, error } => {
                *applied = defer(connection, lease.0, claim.0, *due_at, error).await?;
            }
        }
    }
    if !opened.is_empty() {
        let new: Vec<&NewLease> = opened.iter().map(|(new, _)| *new).collect();
        let ids: HashSet<Uuid> = open(connection, &new).await?.into_iter().collect();
        for (new, applied) in opened {
            *applied = ids.contains(&new.lease.id.0);
        }
    }
    Ok(applied)
}

/// Locks leases until the transaction ends, in one order everywhere, so that two replicas never wait for each
/// other's rows in turn.
pub(super) async fn lock(connection: &mut PgConnection, leases: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query("select from leases where id = any($1) order by id for no key update")
        .bind(leases)
        .execute(connection)
        .await
        .map(drop)
}

/// Which of these leases are active.
pub(super) async fn active(
    connection: &mut PgConnection,
    leases: &[Uuid],
) -> Result<HashSet<Uuid>, sqlx::Error> {
    if leases.is_empty() {
        return Ok(HashSet::new());
    }
    let rows: Vec<Uuid> = sqlx::query_scalar("select id from leases where id = any($1) and state = 'active'")
        .bind(leases)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The lease that a change is about.
pub(super) fn subject(change: &Change) -> Uuid {
    match change {
        Change::Open(new) => new.lease.id.0,
        Change::Move { to, .. } => to.id.0,
        Change::Defer { lease, .. } => lease.0,
    }
}

/// Inserts new leases as far as quotas allow, and answers which.
///
/// A lease counts until it is time for its successor, so that a quota never stands in the way of that one.
/// Workloads with a quota are locked in a fixed order, so that two replicas cannot both take the last place.
async fn open(connection: &mut PgConnection, new: &[&NewLease]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut counted: Vec<String> =
        new.iter().filter(|new| new.max_leases.is_some()).map(|new| quota_key(&new.lease)).collect();
    counted.sort_unstable();
    counted.dedup();
    for key in &counted {
        sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
            .bind(key)
            .execute(&mut *connection)
            .await?;
    }
    let mut query = QueryBuilder::new(
        "with new (id, role, database, engine, issuer, subject, share, cache_key, handle, drain_ms, \
                   created_at, due_at, max_leases) as (",
    );
    query.push_values(new, |mut row, new| {
        let NewLease { lease, cache_key, max_leases } = new;
        row.push_bind(lease.id.0)
            .push_bind(lease.role.as_str())
            .push_bind(lease.database.as_str())
            .push_bind(text_of(lease.engine))
            .push_bind(lease.principal.issuer.as_str())
            .push_bind(lease.principal.subject.as_str())
            .push_bind(text_of(lease.share))
            .push_bind(cache_key.as_str())
            .push_bind(Json(&lease.handle))
            .push_bind(millis(lease))
            .push_bind(lease.created_at)
            .push_bind(lease.due_at())
            .push_bind(max_leases.map(i64::from));
    });
    query.push(
        "), counted as ( \
           select *, row_number() over (partition by issuer, subject, role order by id) as place from new \
         ) \
         insert into leases (id, role, database, engine, issuer, subject, share, cache_key, handle, drain_ms, \
                             created_at, due_at, state) \
         select id, role, database, engine, issuer, subject, share, cache_key, handle, drain_ms, \
                created_at, due_at, 'pending' \
           from counted \
          where max_leases is null or max_leases >= place + ( \
                select count(*) from leases \
                 where leases.issuer = counted.issuer and leases.subject = counted.subject \
                   and leases.role = counted.role and leases.due_at is not null \
                   and (leases.state = 'pending' \
                        or leases.state = 'active' and leases.refresh_after > counted.created_at)) \
         on conflict (database, (handle ->> 'username')) \
               where due_at is not null and handle ->> 'kind' = 'rotated_password' do nothing \
         returning id",
    );
    query.build_query_scalar().fetch_all(connection).await
}

async fn move_lease(connection: &mut PgConnection, to: &Lease, fence: Fence) -> Result<bool, sqlx::Error> {
    let (from, unclaimed, claim) = match fence {
        Fence::Unclaimed(state) => (Some(state.as_str()), true, None),
        Fence::State(state) => (Some(state.as_str()), false, None),
        Fence::Claim(token) => (None, false, Some(token.0)),
    };
    let times = to.times();
    let (reason, ended_at) = match &to.state {
        State::Draining { reason, .. } => (Some(*reason), None),
        State::Revoked { reason, at, .. } => (Some(*reason), Some(*at)),
        State::Failed { at } => (None, Some(*at)),
        State::Pending { .. } | State::Active(_) => (None, None),
    };
    let done = sqlx::query(
        "update leases \
            set state = $2, reason = $3, issued_at = $4, refresh_after = $5, expires_at = $6, \
                max_expires_at = $7, ended_at = $8, due_at = $9, \
                claim = null, claimed_until = null, attempts = 0, last_error = null, \
                handle = case when $13::text is null then handle else handle || jsonb_build_object('id', $13) end \
          where id = $1 and ($10::text is null or state = $10) and (not $11 or claim is null) \
            and ($12::uuid is null or claim = $12)",
    )
    .bind(to.id.0)
    .bind(to.state.name().as_str())
    .bind(reason.map(|reason| reason.as_str()))
    .bind(times.map(|times| times.issued_at))
    .bind(times.map(|times| times.refresh_after))
    .bind(times.map(|times| times.expires_at))
    .bind(times.map(|times| times.max_expires_at))
    .bind(ended_at)
    .bind(to.due_at())
    .bind(from)
    .bind(unclaimed)
    .bind(claim)
    .bind(to.handle.id.as_deref())
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

async fn defer(
    connection: &mut PgConnection,
    lease: Uuid,
    claim: Uuid,
    due_at: Timestamp,
    error: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update leases set due_at = $3, last_error = $4, claim = null, claimed_until = null \
          where id = $1 and claim = $2 and due_at is not null",
    )
    .bind(lease)
    .bind(claim)
    .bind(due_at)
    .bind(error)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

fn quota_key(lease: &Lease) -> String {
    format!("{}\n{}\n{}", lease.principal.issuer, lease.principal.subject, lease.role)
}

fn millis(lease: &Lease) -> i64 {
    i64::try_from(lease.drain.as_millis()).unwrap_or(i64::MAX)
}
