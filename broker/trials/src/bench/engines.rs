//! A mint at each of the other engines, beside the same calls or SQL from the same number of workers without the broker.
//!
//! The providers are emulated on the same cores, and an emulator runs a program for each statement: the rate is
//! theirs, and what counts is the ratio.

use std::time::Duration;

use devstack::Provider;

use super::Plan;
use super::direct::Direct;
use super::mint::TARGET_CONNECTIONS;
use super::report::{Mark, Report};
use super::rig::{Rig, processor_seconds};
use super::site::Site;
use super::wrk::{self, Load};

/// There are many engines: their rounds are shorter.
const SECONDS: u64 = 3;
/// How many mints are looked at for the requests that they make.
const COUNTED: u32 = 20;

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    use Provider::{Db9, Mysql, Neon, Planetscale, Rds};
    for provider in [Planetscale, Neon, Db9, Rds, Mysql] {
        let site = Site::start(rig, provider).await?;
        for role in site.provided.roles.keys() {
            requests(&site, role, report).await?;
            rates(&site, role, plan, report).await?;
        }
        site.end().await?;
    }
    Ok(())
}

/// How many requests to the provider a mint takes, once it is known where everything is.
async fn requests(site: &Site<'_>, role: &str, report: &mut Report) -> anyhow::Result<()> {
    site.fetch(role).await?;
    let Some(api) = site.api() else { return Ok(()) };
    let before = api.requests().len();
    for _ in 0..COUNTED {
        site.fetch(role).await?;
    }
    let each = (api.requests().len() - before) as f64 / f64::from(COUNTED);
    report.add(&format!("{role}: requests to the provider"), "a mint", vec![each], Some(Mark::AtMost(1.0)));
    Ok(())
}

async fn rates(site: &Site<'_>, role: &str, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let direct = Direct::of(site.rig, &site.provided, role)?;
    let url = site.rig.dsn(&site.program, role);
    let load = Load {
        url: &url,
        token: &site.rig.token,
        body: None,
        connections: TARGET_CONNECTIONS,
        seconds: SECONDS,
    };
    let (mut ours, mut theirs, mut processor) = (vec![], vec![], vec![]);
    for round in 0..=plan.rounds {
        let before = processor_seconds(site.program.process())?;
        let seen = wrk::run(&load).await?;
        let spent = processor_seconds(site.program.process())? - before;
        let bare = match &direct {
            Some(direct) => {
                Some(direct.rate(site.rig, TARGET_CONNECTIONS, Duration::from_secs(SECONDS)).await?)
            }
            None => None,
        };
        // The first warms up.
        if round > 0 {
            ours.push(seen.rate);
            theirs.extend(bare);
            processor.push(spent * 1e6 / seen.requests as f64);
        }
    }
    let (what, mark) = (format!("{role}: mint"), Some(Mark::RatioAtLeast(0.8)));
    match direct {
        Some(_) => report.compare(&what, "mints/s", ours, theirs, mark),
        None => report.add(&what, "mints/s", ours, None),
    }
    report.add("  processor time of the process", "µs/mint", processor, None);
    Ok(())
}
