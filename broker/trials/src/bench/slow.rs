//! Whether a slow provider makes itself felt at the other databases, in the same run with it and without.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use devstack::{Fault, Provider};

use super::Plan;
use super::report::{Mark, Report};
use super::rig::Rig;
use super::site::Site;
use super::wrk::{self, Load, Seen};

/// How long each call takes there.
const DELAY: Duration = Duration::from_secs(2);
/// How many wait for it all the time: more than the broker makes calls there at once.
const WAITING: usize = 16;
/// Few, so that it is latency that is measured.
const CALLERS: usize = 4;
/// How long a round is at most.
const SECONDS: u64 = 4;
const SLOW: &str = "db9-token";

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::start(rig, Provider::Db9).await?;
    for (what, role) in [
        ("cached fetch at another database", "orders-reader"),
        ("mint at another database", "orders-request"),
    ] {
        let (mut beside, mut alone) = (Rounds::default(), Rounds::default());
        for round in 0..=plan.rounds {
            let (with, without) = (beside_slow(&site, role, plan).await?, load(&site, role, plan).await?);
            // The first warms up.
            if round > 0 {
                beside.add(with);
                alone.add(without);
            }
        }
        let what = |part: &str| format!("{what}, a slow provider beside: {part}");
        report.compare(&what("median"), "ms", beside.p50, alone.p50, Some(Mark::RatioAtMost(1.25)));
        report.compare(&what("p99"), "ms", beside.p99, alone.p99, Some(Mark::RatioAtMost(1.5)));
    }
    site.end().await
}

#[derive(Default)]
struct Rounds {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, seen: Seen) {
        self.p50.push(seen.p50_ms);
        self.p99.push(seen.p99_ms);
    }
}

async fn load(site: &Site<'_>, role: &str, plan: &Plan) -> anyhow::Result<Seen> {
    let url = site.rig.dsn(&site.program, role);
    let token = &site.rig.token;
    wrk::run(&Load { url: &url, token, body: None, connections: CALLERS, seconds: plan.seconds.min(SECONDS) })
        .await
}

/// The same while others wait for the slow provider, which must have been slow to all of them.
async fn beside_slow(site: &Site<'_>, role: &str, plan: &Plan) -> anyhow::Result<Seen> {
    let api = site.api().context("the provider has no API")?;
    api.misbehave("*", "/", usize::MAX, Fault::delay(DELAY));
    let (over, served) = (AtomicBool::new(false), AtomicU64::new(0));
    let wait = async |_| {
        while !over.load(Ordering::Relaxed) {
            ensure!(site.fetch(SLOW).await? >= DELAY, "the provider was not slow");
            served.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    let measured = async {
        let seen = load(site, role, plan).await;
        over.store(true, Ordering::Relaxed);
        seen
    };
    let (seen, waited) = tokio::join!(measured, futures_util::future::try_join_all((0..WAITING).map(wait)));
    api.behave();
    waited?;
    ensure!(served.load(Ordering::Relaxed) > 0, "nobody waited for the slow provider");
    seen
}
