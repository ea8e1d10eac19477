//! The SDK, beside the bare request that it makes: one caller, on a warm connection.

use std::time::Duration;

use dsn_broker_sdk::{Broker, Proof};
use tokio::time::Instant;

use super::Plan;
use super::report::{Mark, Report, median};
use super::rig::Rig;

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let (program, _) = rig.broker().await?;
    let broker = Broker::builder(program.url()).ca_file(rig.world.ca_path()).proof(Proof::text(&*rig.token));
    let broker = broker.build()?;
    let url = format!("{}/v1/dsn/orders-reader?format=json", program.url());
    let bare = async || {
        let request = rig.client.get(&url).bearer_auth(&rig.token).header("accept", "application/json");
        anyhow::Ok(request.send().await?.error_for_status()?.bytes().await.map(drop)?)
    };
    let ours = async || anyhow::Ok(broker.dsn("orders-reader").await.map(drop)?);
    let time = Duration::from_secs(plan.seconds.min(SECONDS));
    let (mut by_sdk, mut by_hand) = (vec![], vec![]);
    for round in 0..=plan.rounds {
        let (begun, mut sdk, mut hand) = (Instant::now(), vec![], vec![]);
        // So short a call is at the mercy of what else runs: they take turns.
        while begun.elapsed() < time {
            sdk.push(micros(&ours).await?);
            hand.push(micros(&bare).await?);
        }
        // The first warms up.
        if round > 0 {
            by_sdk.push(median(&sdk));
            by_hand.push(median(&hand));
        }
    }
    report.compare(
        "Broker::dsn of the SDK, and its request alone",
        "µs",
        by_sdk,
        by_hand,
        Some(Mark::RatioAtMost(1.25)),
    );
    let keeper = broker.keep("orders-reader").await?;
    let current = (0..plan.rounds).map(|_| {
        let begun = Instant::now();
        for _ in 0..LOOKS {
            drop(std::hint::black_box(keeper.current()?));
        }
        Ok(begun.elapsed().as_nanos() as f64 / f64::from(LOOKS))
    });
    let current = current.collect::<anyhow::Result<_>>()?;
    report.add("  Keeper::current", "ns", current, Some(Mark::AtMost(1_000.0)));
    keeper.stop().await;
    rig.stop(program).await
}

/// How long a call takes.
async fn micros(call: &impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let asked = Instant::now();
    call().await?;
    Ok(asked.elapsed().as_secs_f64() * 1e6)
}

const SECONDS: u64 = 2;
const LOOKS: u32 = 100_000;
