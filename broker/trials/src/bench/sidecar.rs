//! The agent beside an application: what it is and takes, and how soon its first file is there.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use devstack::{Program, role};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::Plan;
use super::report::{Mark, Report};
use super::rig::{Rig, memory_kib};

/// How many roles there are at most.
const ROLES: usize = 10;

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let size =
        std::fs::metadata(&plan.dsn).with_context(|| format!("{} is not built", plan.dsn.display()))?.len();
    report.add("the command dsn", "MiB", vec![size as f64 / MIB], Some(Mark::AtMost(12.0)));
    let mut configuration = rig.configuration.replica()?;
    let names: Vec<_> = (0..ROLES).map(|number| format!("sidecar-{number}")).collect();
    let roles: serde_json::Map<_, _> = names.iter().map(|name| (name.clone(), role("workload"))).collect();
    configuration.merge(&json!({ "roles": roles }));
    let bound = configuration.config.pointer_mut("/bindings/0/roles").and_then(Value::as_array_mut);
    bound.context("no binding")?.extend(names.iter().map(|name| json!(name)));
    configuration.write()?;
    let (program, _) = rig.broker_with(&configuration).await?;

    let (mut first, mut bare, mut one, mut ten) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // All credentials are there: what is measured is not how long the database takes to make one.
    for name in &names {
        fetch(rig, &program, name).await?;
    }
    for _ in 0..plan.rounds {
        bare.push(fetch(rig, &program, "sidecar-0").await?.as_secs_f64() * 1e3);
        let (agent, took) = Agent::start(rig, plan, &program, names.get(..1).unwrap_or_default()).await?;
        first.push(took.as_secs_f64() * 1e3);
        one.push(agent.end().await?);
        let (agent, _) = Agent::start(rig, plan, &program, &names).await?;
        ten.push(agent.end().await?);
    }
    report.compare("start of the agent to its first file", "ms", first, bare, Some(Mark::AtMost(100.0)));
    report.add("resident, one role", "MiB", one, Some(Mark::AtMost(8.0)));
    report.add("resident, ten roles", "MiB", ten, Some(Mark::AtMost(8.0)));
    rig.stop(program).await
}

/// The same by a client that is connected already.
async fn fetch(rig: &Rig, program: &Program, role: &str) -> anyhow::Result<Duration> {
    let (begun, url) = (Instant::now(), rig.dsn(program, role));
    let response = rig.client.get(url).bearer_auth(&rig.token).send().await?;
    response.error_for_status()?.bytes().await?;
    Ok(begun.elapsed())
}

/// An agent, and where its files are.
struct Agent {
    child: Child,
    _folder: TempDir,
}

impl Agent {
    /// Starts it; answers it as soon as its files are there, and how long the first took.
    async fn start(
        rig: &Rig,
        plan: &Plan,
        program: &Program,
        roles: &[String],
    ) -> anyhow::Result<(Self, Duration)> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name);
        let files: Vec<_> = roles.iter().map(|role| json!({ "path": path(role), "role": role })).collect();
        let config = json!({
            "ready": { "file": path("ready"), "listen": "127.0.0.1:0" },
            "files": files,
        });
        let begun = Instant::now();
        let child = Command::new(&plan.dsn)
            .arg("run-agent")
            .env_clear()
            .env("DSN_AGENT_CONFIG", config.to_string())
            .env("DSN_BROKER_URL", program.url())
            .env("DSN_BROKER_CA", rig.world.ca_path())
            .env("DSN_BROKER_TOKEN", &rig.token)
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("it does not start")?;
        let first = roles.first().context("no role")?;
        until(&path(first), begun).await?;
        let took = begun.elapsed();
        until(&path("ready"), begun).await?;
        Ok((Self { child, _folder: folder }, took))
    }

    /// Ends it in good order; answers how many MiB it had taken.
    async fn end(mut self) -> anyhow::Result<f64> {
        let process = self.child.id().context("it has ended")?;
        let memory = memory_kib(process, "VmRSS")? as f64 / 1024.0;
        if !Command::new("kill").arg(process.to_string()).status().await?.success() {
            bail!("it could not be told to end");
        }
        match self.child.wait().await? {
            status if status.success() => Ok(memory),
            status => bail!("it ended badly: {status}"),
        }
    }
}

async fn until(file: &Path, begun: Instant) -> anyhow::Result<()> {
    let mut looks = tokio::time::interval(Duration::from_millis(1));
    while !file.exists() {
        looks.tick().await;
        if begun.elapsed() > Duration::from_secs(30) {
            bail!("{} is never there", file.display());
        }
    }
    Ok(())
}

const MIB: f64 = 1024.0 * 1024.0;
