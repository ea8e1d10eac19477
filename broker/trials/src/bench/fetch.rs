//! A cached fetch, its delivery durably on record, beside a bare axum route with the same bytes.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::process::{Child, Command};

use super::Plan;
use super::bare::Answer;
use super::report::{Mark, Report};
use super::rig::{Rig, memory_kib, processor_seconds};
use super::wrk::{self, Load, Seen};

/// How many callers there are at once.
const CONNECTIONS: usize = 128;

pub(super) async fn measure(rig: &Rig, plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let (program, _) = rig.broker().await?;
    let url = rig.dsn(&program, "orders-reader");
    let response = rig.client.get(&url).bearer_auth(&rig.token).send().await?.error_for_status()?;
    let bare = Limit::start(rig, response).await?;
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    let warm_up = Load { url: &url, token: &rig.token, body: None, connections: CONNECTIONS, seconds: 1 };
    wrk::run(&warm_up).await?;
    let load = Load { seconds: plan.seconds, ..warm_up };
    for _ in 0..plan.rounds {
        ours.add(program.process(), &load).await?;
        let load = Load { url: &bare.url, ..load.clone() };
        theirs.add(bare.process()?, &load).await?;
    }
    report.compare("cached fetch", "requests/s", ours.rate, theirs.rate, Some(Mark::RatioAtLeast(0.35)));
    report.compare("  median", "ms", ours.p50, theirs.p50, None);
    report.compare("  99th percentile", "ms", ours.p99, theirs.p99, Some(Mark::RatioAtMost(5.0)));
    report.compare("  processor time of the process", "µs/request", ours.processor, theirs.processor, None);
    let peak = memory_kib(program.process(), "VmHWM")? as f64 / 1024.0;
    report.add("  resident at most, under this load", "MiB", vec![peak], Some(Mark::AtMost(96.0)));
    rig.stop(program).await
}

/// The rate of cached fetches alone.
pub(super) async fn rate(rig: &Rig, program: &devstack::Program, seconds: u64) -> anyhow::Result<f64> {
    let url = rig.dsn(program, "orders-reader");
    let load = Load { url: &url, token: &rig.token, body: None, connections: CONNECTIONS, seconds };
    Ok(wrk::run(&load).await?.rate)
}

#[derive(Default)]
struct Rounds {
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    processor: Vec<f64>,
}

impl Rounds {
    async fn add(&mut self, process: u32, load: &Load<'_>) -> anyhow::Result<()> {
        let before = processor_seconds(process)?;
        let Seen { rate, p50_ms, p99_ms, requests, .. } = wrk::run(load).await?;
        let spent = processor_seconds(process)? - before;
        self.rate.push(rate);
        self.p50.push(p50_ms);
        self.p99.push(p99_ms);
        self.processor.push(spent * 1e6 / requests as f64);
        Ok(())
    }
}

/// The bare route, in a process of its own.
struct Limit {
    url: String,
    child: Child,
    _answer: tempfile::NamedTempFile,
}

impl Limit {
    /// Starts one that answers what the broker answered.
    async fn start(rig: &Rig, response: reqwest::Response) -> anyhow::Result<Self> {
        let ours = |name: &str| !matches!(name, "content-length" | "date");
        let headers = response.headers().iter().filter(|(name, _)| ours(name.as_str()));
        let headers = headers.map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())));
        let headers = headers.collect::<anyhow::Result<_>>()?;
        let answer = Answer { headers, body: response.text().await? };
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), serde_json::to_vec(&answer)?)?;
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let tls = rig.configuration.config.pointer("/server/tls").context("no TLS")?;
        let path = |key: &str| tls.get(key).and_then(|path| path.as_str()).context("no certificate");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(std::env::current_exe()?)
            .args(["bare", "--port", &port.to_string(), "--cert", path("cert")?, "--key", path("key")?])
            .arg("--answer")
            .arg(file.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let limit = Self { url: format!("https://localhost:{port}/"), child, _answer: file };
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        for _ in 0..2000 {
            looks.tick().await;
            if let Ok(response) = rig.client.get(&limit.url).send().await {
                let same = response.text().await? == answer.body;
                return if same { Ok(limit) } else { bail!("the bare route answers something else") };
            }
        }
        bail!("the bare route does not start")
    }

    fn process(&self) -> anyhow::Result<u32> {
        self.child.id().context("the bare route has ended")
    }
}
