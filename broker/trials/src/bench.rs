//! The benches: each path beside its bare limit, in the same run and on the same cores.
//!
//! Machines differ and are shared, so what counts are ratios, of medians over rounds in which both sides take turns.

pub mod bare;
mod fetch;
mod ledger;
mod mint;
mod report;
mod rig;
mod sql;
mod start;
mod wrk;

use std::path::PathBuf;

pub use self::report::Report;
use self::rig::Rig;
use crate::say;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program, built for release.
    pub binary: PathBuf,
    /// How many rounds of each measurement.
    pub rounds: usize,
    /// How long a round is.
    pub seconds: u64,
    /// How many leases are in the ledger, one after the other.
    pub leases: Vec<u64>,
}

/// Measures all of it.
pub async fn run(plan: &Plan) -> anyhow::Result<Report> {
    let mut report = Report::new(plan);
    say("Starting servers whose commits are durable: a ledger, a target, a cache, an issuer")?;
    let rig = Rig::start(&plan.binary).await?;
    say("Cold start")?;
    start::measure(&rig, plan, &mut report).await?;
    say("Cached fetch, and a bare route")?;
    fetch::measure(&rig, plan, &mut report).await?;
    say("Mint, and the same SQL without the broker")?;
    let statements = mint::measure(&rig, plan, &mut report).await?;
    for leases in std::iter::once(&0).chain(&plan.leases) {
        say(&format!("{leases} leases in the ledger"))?;
        ledger::measure(&rig, plan, *leases, &statements, &mut report).await?;
    }
    rig.end().await?;
    Ok(report)
}
