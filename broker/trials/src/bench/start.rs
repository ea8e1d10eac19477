//! From nothing to ready, and what it takes when it does nothing.

use super::Plan;
use super::report::{Mark, Report};
use super::rig::{Rig, memory_kib};

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let (mut started, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let (program, took) = rig.broker().await?;
        started.push(took.as_secs_f64() * 1e3);
        idle.push(memory_kib(program.process(), "VmRSS")? as f64 / 1024.0);
        rig.stop(program).await?;
    }
    report.add("cold start to ready", "ms", started, Some(Mark::AtMost(200.0)));
    report.add("resident when idle", "MiB", idle, Some(Mark::AtMost(32.0)));
    Ok(())
}
