//! A mint, beside the same SQL from the same number of connections without the broker.

use std::time::Duration;

use super::Plan;
use super::report::{Mark, Report};
use super::rig::{Rig, processor_seconds};
use super::sql::{Statements, Verifier};
use super::wrk::{self, Load};

/// As many as the broker has by default.
pub(super) const TARGET_CONNECTIONS: usize = 8;
/// Enough for each of them to be busy all the time.
const CALLERS: usize = 32;

pub(super) async fn measure(
    rig: &Rig,
    plan: &Plan,
    statements: &Statements,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (program, _) = rig.broker().await?;
    let url = rig.dsn(&program, "orders-request");
    let load = Load { url: &url, token: &rig.token, body: None, connections: CALLERS, seconds: plan.seconds };
    let (mut ours, mut ready, mut computed) = (vec![], vec![], vec![]);
    let (mut p50, mut p99, mut processor) = (vec![], vec![], vec![]);
    let time = Duration::from_secs(plan.seconds);
    for round in 0..=plan.rounds {
        let before = processor_seconds(program.process())?;
        let seen = wrk::run(&load).await?;
        let spent = processor_seconds(program.process())? - before;
        clean(rig).await?;
        let bare_ready = statements.creations(rig, TARGET_CONNECTIONS, time, Verifier::Ready).await?;
        clean(rig).await?;
        let bare_computed = statements.creations(rig, TARGET_CONNECTIONS, time, Verifier::Computed).await?;
        clean(rig).await?;
        // The first warms up.
        if round > 0 {
            ours.push(seen.rate);
            ready.push(bare_ready);
            computed.push(bare_computed);
            p50.push(seen.p50_ms);
            p99.push(seen.p99_ms);
            processor.push(spent * 1e6 / seen.requests as f64);
        }
    }
    report.compare("mint, and the same SQL", "users/s", ours.clone(), ready, Some(Mark::RatioAtLeast(0.8)));
    report.compare("  and the same SQL with a verifier for each", "users/s", ours, computed, None);
    report.add("  median", "ms", p50, None);
    report.add("  99th percentile", "ms", p99, None);
    report.add("  processor time of the process", "µs/mint", processor, None);
    rig.stop(program).await
}

/// Puts both servers back to where they were, behind the broker's back: so that all rounds are alike.
async fn clean(rig: &Rig) -> anyhow::Result<()> {
    // As the owner of the catalogue, at once: dropping them one by one is another bench.
    let forget = "set allow_system_table_mods = on; \
                  delete from pg_auth_members where member in \
                    (select oid from pg_authid where rolname ~ '^(dsn|bare|bench)_'); \
                  delete from pg_db_role_setting where setrole in \
                    (select oid from pg_authid where rolname ~ '^(dsn|bare|bench)_'); \
                  delete from pg_authid where rolname ~ '^(dsn|bare|bench)_'";
    rig.world.orders().execute("postgres", forget).await?;
    for table in ["pg_authid", "pg_auth_members", "pg_db_role_setting"] {
        rig.world.orders().execute("postgres", &format!("vacuum full {table}")).await?;
    }
    rig.world.ledger().execute("ledger", "delete from leases where share = 'request'").await?;
    rig.world.ledger().execute("ledger", "vacuum leases").await?;
    rig.world.ledger().execute("ledger", "checkpoint").await?;
    rig.world.orders().execute("postgres", "checkpoint").await
}
