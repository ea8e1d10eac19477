//! The `trials` binary: trials of the broker for those who operate or change it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use trials::bench::{self, Bare, Part, Plan};
use trials::chaos::Chaos;
use trials::soak::Soak;
use trials::{Mix, Output};

/// Trials of dsn-broker, on real servers of their own. The exit code is 1 if anything is found wrong.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    trial: Trial,
}

#[derive(Subcommand)]
enum Trial {
    /// Kill replicas, cut them off and stop servers under load; then look whether anything was lost.
    Chaos(ChaosArguments),
    /// Call for long while the configuration changes; then look whether anything has grown.
    Soak(Common),
    /// Measure each path beside its bare limit.
    Bench(Bench),
    /// Serve one answer over TLS and do nothing else: the bare limit of a cached fetch.
    #[command(hide = true)]
    Bare(Bare),
}

#[derive(clap::Args)]
struct Common {
    /// The broker; for chaos a debug build, which can die at fail points, too.
    #[arg(long)]
    binary: PathBuf,
    /// How long: 90s, 10m, 2h.
    #[arg(long, default_value = "60s", value_parser = span)]
    r#for: Duration,
    /// What chance begins with [default: another one each time].
    #[arg(long)]
    seed: Option<u64>,
    /// How many replicas share the ledger and Redis.
    #[arg(long, default_value_t = 2)]
    replicas: usize,
    /// How many callers there are.
    #[arg(long, default_value_t = 8)]
    callers: u64,
}

#[derive(clap::Args)]
struct ChaosArguments {
    #[command(flatten)]
    common: Common,
    /// Go on until so many replicas were killed, and one has died at each fail point.
    #[arg(long, default_value_t = 0)]
    kills: u32,
    /// What is done.
    #[arg(long, value_enum, default_value_t = Mix::All)]
    mix: Mix,
}

#[derive(clap::Args)]
struct Bench {
    /// The program, built for release [default: the one beside this].
    #[arg(long)]
    binary: Option<PathBuf>,
    /// The command `dsn`, built for release [default: the one beside this].
    #[arg(long)]
    dsn: Option<PathBuf>,
    /// How many rounds of each measurement there are; their median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a round is, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many leases are in the ledger, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    leases: Vec<u64>,
    /// Measure this part alone.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Where the figures go, as JSON [default: bench.json beside this].
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let output = Arc::new(Output::standard());
    let report = match Arguments::parse().trial {
        Trial::Chaos(ChaosArguments { common, kills, mix }) => {
            let (seed, Common { binary, r#for: lasts, replicas, callers, .. }) = (common.seed(), common);
            Chaos { binary, lasts, seed, replicas, callers, kills, mix }.run(&output).await?
        }
        Trial::Soak(common) => {
            let (seed, Common { binary, r#for: lasts, replicas, callers, .. }) = (common.seed(), common);
            Soak { binary, lasts, seed, replicas, callers, alone: true }.run(&output).await?
        }
        Trial::Bench(arguments) => return arguments.run(&output).await,
        Trial::Bare(bare) => return bare.serve().await.map(|()| ExitCode::SUCCESS),
    };
    Ok(verdict(&output, &report.findings))
}

impl Common {
    fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(0..10_000))
    }
}

impl Bench {
    /// A mark that is not met is said, and no failure: it may be the machine's.
    async fn run(self, output: &Output) -> anyhow::Result<ExitCode> {
        let Self { binary, dsn, rounds, seconds, leases, only, json } = self;
        let beside = |name| Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name(name));
        let binary = binary.map_or_else(|| beside("dsn-broker"), Ok)?;
        let dsn = dsn.map_or_else(|| beside("dsn"), Ok)?;
        let json = json.map_or_else(|| beside("bench.json"), Ok)?;
        let report = bench::run(&Plan { binary, dsn, rounds, seconds, leases, only }, output).await?;
        std::fs::write(&json, serde_json::to_string_pretty(&report)?)?;
        output.say(format!("all figures are in {}\n\n{}", json.display(), report.table()));
        Ok(ExitCode::SUCCESS)
    }
}

fn verdict(output: &Output, findings: &[String]) -> ExitCode {
    for finding in findings.iter().take(SHOWN) {
        output.say(format!("FOUND: {finding}"));
    }
    match findings.len() {
        0 => {
            output.say("nothing is wrong");
            ExitCode::SUCCESS
        }
        count => {
            output.say(format!("{count} things are wrong"));
            ExitCode::FAILURE
        }
    }
}

/// How many findings are shown: what is wrong once is mostly wrong many times.
const SHOWN: usize = 30;

/// `90s`, `10m`, `2h`.
fn span(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => anyhow::bail!("say for example 90s, 10m or 2h"),
    };
    let number: u64 = number.parse().context("say for example 90s, 10m or 2h")?;
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}
