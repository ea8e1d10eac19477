//! What is measured: the program, built for release, on servers whose commits are durable.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use devstack::{Claims, Configuration, Databases, Program, World};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::journal::now;
use crate::setting;

/// Servers, a configuration, and the program.
pub(super) struct Rig {
    pub(super) world: World,
    pub(super) configuration: Configuration,
    pub(super) client: reqwest::Client,
    pub(super) token: String,
    binary: PathBuf,
}

impl Rig {
    pub(super) async fn start(binary: &Path) -> anyhow::Result<Self> {
        let world = World::builder().durable(true).start().await?;
        let configuration = configuration(&world)?;
        configuration.write()?;
        setting::run(binary, &configuration, &["migrate"]).await?;
        let client = setting::client(world.ca_path())?;
        let seconds = u64::try_from(now().timestamp())?;
        let day = Duration::from_secs(86_400);
        let token = world.oidc().mint(&Claims::of("app-bench").now(seconds).lifetime(day))?;
        Ok(Self { world, configuration, client, token, binary: binary.to_owned() })
    }

    /// Starts the program as its users do; answers it once it is ready, and how long that took.
    pub(super) async fn broker(&self) -> anyhow::Result<(Program, Duration)> {
        self.broker_with(&self.configuration).await
    }

    /// The same with another configuration.
    pub(super) async fn broker_with(
        &self,
        configuration: &Configuration,
    ) -> anyhow::Result<(Program, Duration)> {
        let begun = Instant::now();
        let program = Program::start(&self.binary, &configuration.file(), &[]).await?;
        let url = format!("{}/readyz", program.admin_url());
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while !self.client.get(&url).send().await?.status().is_success() {
            looks.tick().await;
            if begun.elapsed() > Duration::from_secs(60) {
                bail!("it does not become ready: {}", program.log().join("\n"));
            }
        }
        Ok((program, begun.elapsed()))
    }

    /// Ends the program in good order.
    pub(super) async fn stop(&self, mut program: Program) -> anyhow::Result<()> {
        program.signal("TERM").await?;
        let (status, log) = program.ended().await?;
        if !status.success() {
            bail!("it ended badly: {}", log.join("\n"));
        }
        Ok(())
    }

    pub(super) async fn end(self) -> anyhow::Result<()> {
        self.world.end().await
    }

    /// Where the DSN of this role is.
    pub(super) fn dsn(&self, program: &Program, role: &str) -> String {
        format!("{}/v1/dsn/{role}?ca_file={}", program.url(), self.world.ca_path().display())
    }

    /// A number that the target's superuser gets for a query.
    pub(super) async fn at_target(&self, query: &str) -> anyhow::Result<u64> {
        Ok(self.world.orders().query_text("orders", query).await?.trim().parse()?)
    }
}

/// As anyone would have it, but for limits that a bench is bound to exceed.
fn configuration(world: &World) -> anyhow::Result<Configuration> {
    let databases = Databases {
        ledger_owner_url: &world.ledger_owner_url(),
        ledger_writer_url: &world.ledger_writer_url(),
        target: "orders",
        prefix: "dsn:",
    };
    let mut configuration = Configuration::usual(world, databases)?;
    set(
        &mut configuration.config,
        "/server/limits/rate",
        json!({ "per_second": 1_000_000, "burst": 1_000_000 }),
    )?;
    set(&mut configuration.config, "/server/reload_every", json!("2s"))?;
    Ok(configuration)
}

fn set(config: &mut Value, pointer: &str, value: Value) -> anyhow::Result<()> {
    *config.pointer_mut(pointer).with_context(|| format!("no {pointer} in the configuration"))? = value;
    Ok(())
}

/// Kibibytes, from a line like `VmRSS:     123 kB` of a process's status.
pub(super) fn memory_kib(process: u32, line: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let found = status.lines().find_map(|found| found.strip_prefix(line)?.strip_prefix(':'));
    let number = found.and_then(|rest| rest.split_whitespace().next());
    Ok(number.with_context(|| format!("no {line} in the status of the process"))?.parse()?)
}

/// The processor time that a process has had, in seconds (`proc_pid_stat(5)`, fields 14 and 15, in ticks of 10 ms).
pub(super) fn processor_seconds(process: u32) -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no stat of the process")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}
