//! The benches: each path beside its bare limit, in the same run and on the same cores.
//!
//! Machines differ and are shared, so what counts are ratios, of medians over rounds in which both sides take turns.

mod bare;
mod direct;
mod engines;
mod fetch;
mod ledger;
mod mint;
mod report;
mod rig;
mod sdk;
mod sidecar;
mod site;
mod slow;
mod sql;
mod start;
mod tokens;
mod wrk;

use std::path::PathBuf;

use clap::ValueEnum as _;

pub use self::bare::Bare;
pub use self::report::Report;
use self::rig::Rig;
use self::sql::Statements;
use crate::Output;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program, built for release.
    pub binary: PathBuf,
    /// The command `dsn`, as it is put into images.
    pub dsn: PathBuf,
    /// How many rounds of each measurement.
    pub rounds: usize,
    /// How long a round is.
    pub seconds: u64,
    /// How many leases are in the ledger, one after the other.
    pub leases: Vec<u64>,
    /// This part alone.
    pub only: Option<Part>,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// From nothing to ready, and what it takes when it does nothing.
    Start,
    /// The agent beside an application.
    Sidecar,
    /// A cached fetch.
    Fetch,
    /// A cached fetch through the SDK.
    Sdk,
    /// A mint.
    Mint,
    /// A mint at each of the other engines.
    Engines,
    /// Tokens of RDS, computed in this process.
    Tokens,
    /// Other databases beside one whose provider is slow.
    Slow,
    /// Many leases in the ledger.
    Ledger,
}

/// Measures what the plan says.
pub async fn run(plan: &Plan, output: &Output) -> anyhow::Result<Report> {
    let mut report = Report::new(plan);
    output.say("servers start whose commits are durable: a ledger, a target, a cache, an issuer");
    let rig = Rig::start(&plan.binary).await?;
    for part in Part::value_variants() {
        if plan.only.is_some_and(|only| only != *part) {
            continue;
        }
        match part {
            Part::Start => {
                output.say("cold start");
                start::measure(&rig, plan, &mut report).await?;
            }
            Part::Sidecar => {
                output.say("the agent beside an application");
                sidecar::measure(&rig, plan, &mut report).await?;
            }
            Part::Fetch => {
                output.say("a cached fetch, and a bare route");
                fetch::measure(&rig, plan, &mut report).await?;
            }
            Part::Sdk => {
                output.say("a cached fetch through the SDK, and its request alone");
                sdk::measure(&rig, plan, &mut report).await?;
            }
            Part::Mint => {
                output.say("a mint, and the same SQL without the broker");
                let statements = Statements::learn(&rig).await?;
                mint::measure(&rig, plan, &statements, &mut report).await?;
            }
            Part::Engines => {
                output
                    .say("a mint at each of the other engines, and the same calls or SQL without the broker");
                engines::measure(&rig, plan, &mut report).await?;
            }
            Part::Tokens => {
                output.say("tokens of RDS, and the same hashes alone");
                tokens::measure(&rig, plan, &mut report).await?;
            }
            Part::Slow => {
                output.say("other databases, with a slow provider beside them and without");
                slow::measure(&rig, plan, &mut report).await?;
            }
            Part::Ledger => {
                let statements = Statements::learn(&rig).await?;
                for leases in std::iter::once(&0).chain(&plan.leases) {
                    output.say(format!("{leases} leases in the ledger"));
                    ledger::measure(&rig, plan, *leases, &statements, &mut report).await?;
                }
            }
        }
    }
    rig.end().await?;
    Ok(report)
}
