//! Many leases in the ledger: nothing about the broker should change.

use std::time::Duration;

use anyhow::bail;
use tokio::time::Instant;

use super::mint::TARGET_CONNECTIONS;
use super::report::Report;
use super::rig::{Rig, memory_kib};
use super::sql::Statements;
use super::{Plan, fetch};

/// How many users are removed.
const USERS: u64 = 2000;
/// Removals leave a quarter of the connections to those who make users.
const REMOVERS: usize = TARGET_CONNECTIONS * 3 / 4;

pub(super) async fn measure(
    rig: &Rig,
    plan: &Plan,
    leases: u64,
    statements: &Statements,
    report: &mut Report,
) -> anyhow::Result<()> {
    fill(rig, leases).await?;
    let (mut started, mut idle, mut rate) = (vec![], vec![], vec![]);
    for _ in 0..plan.rounds {
        let (program, took) = rig.broker().await?;
        started.push(took.as_secs_f64() * 1e3);
        idle.push(memory_kib(program.process(), "VmRSS")? as f64 / 1024.0);
        rate.push(fetch::rate(rig, &program, plan.seconds).await?);
        rig.stop(program).await?;
    }
    let what = |what: &str| format!("{leases} leases: {what}");
    report.add(&what("cold start to ready"), "ms", started, None);
    report.add(&what("resident when idle"), "MiB", idle, None);
    report.add(&what("cached fetch"), "requests/s", rate, None);
    let (mut ours, mut theirs) = (vec![], vec![]);
    for _ in 0..plan.rounds {
        statements.make(rig, TARGET_CONNECTIONS, USERS).await?;
        theirs.push(statements.removals(rig, REMOVERS, USERS).await?);
        statements.make(rig, TARGET_CONNECTIONS, USERS).await?;
        ours.push(reaped(rig).await?);
    }
    report.compare(&what("users removed"), "users/s", ours, theirs, None);
    Ok(())
}

/// How many users a second the reaper removes whose time is over.
async fn reaped(rig: &Rig) -> anyhow::Result<f64> {
    insert(rig, USERS, "'bench_' || i - 1", "now() - interval '1 minute'").await?;
    let begun = Instant::now();
    let (program, _) = rig.broker().await?;
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let left = || rig.at_target("select count(*) from pg_roles where rolname like 'bench\\_%'");
    // From the first to the last but a few: not the start, and not the tail.
    let (mut first, mut last) = (None, None);
    while last.is_none() {
        looks.tick().await;
        let count = left().await?;
        if count < USERS && first.is_none() {
            first = Some((Instant::now(), count));
        }
        if count == 0 {
            last = Some(Instant::now());
        }
        if begun.elapsed() > Duration::from_secs(120) {
            bail!("{count} users are left after two minutes: {}", program.log().join("\n"));
        }
    }
    rig.stop(program).await?;
    let ((first, count), last) = first.zip(last).unwrap_or(((begun, USERS), begun));
    Ok(count as f64 / (last - first).as_secs_f64())
}

/// Brings the ledger to so many leases that are not due for long.
async fn fill(rig: &Rig, leases: u64) -> anyhow::Result<()> {
    rig.world.ledger().execute("ledger", "delete from leases").await?;
    insert(rig, leases, "'synthetic_' || i", "now() + interval '30 days'").await?;
    rig.world.ledger().execute("ledger", "vacuum analyze leases").await?;
    rig.world.ledger().execute("ledger", "checkpoint").await
}

async fn insert(rig: &Rig, leases: u64, user: &str, due: &str) -> anyhow::Result<()> {
    let sql = format!(
        "insert into leases (id, role, database, engine, issuer, subject, share, cache_key, handle, drain_ms, state, \
                             created_at, issued_at, refresh_after, expires_at, max_expires_at, due_at) \
         select gen_random_uuid(), 'orders-request', 'orders', 'postgres', 'cluster', 'app-' || i % 1000, 'request', \
                md5(i::text), jsonb_build_object('username', {user}, 'databases', jsonb_build_array('orders'), 'owner', null), \
                0, 'active', now() - interval '1 day', now() - interval '1 day', now() - interval '1 hour', {due}, {due}, {due} \
           from generate_series(1, {leases}) i"
    );
    rig.world.ledger().execute("ledger", &sql).await
}
