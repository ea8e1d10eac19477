//! The `trials` binary.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use trials::bench::{self, bare};

/// Tries dsn-broker on real servers of its own, on loopback; nothing of them stays.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure it beside the bare limit of each path.
    Bench(Bench),
    /// Serve one file over TLS and do nothing else: what a broker that does nothing would be.
    #[command(hide = true)]
    Bare(bare::Bare),
}

#[derive(clap::Args)]
struct Bench {
    /// The program, built for release.
    #[arg(long)]
    binary: PathBuf,
    /// How many rounds of each measurement there are; their median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long a round is, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many leases are in the ledger, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    leases: Vec<u64>,
    /// Where the figures go, as JSON.
    #[arg(long)]
    json: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Verb::Bench(Bench { binary, rounds, seconds, leases, json }) => {
            let plan = bench::Plan { binary, rounds, seconds, leases };
            let report = bench::run(&plan).await?;
            std::fs::write(&json, serde_json::to_string_pretty(&report)?)?;
            trials::say(&format!("{}\nAll figures: {}", report.table(), json.display()))
        }
        Verb::Bare(bare) => bare.serve().await,
    }
}
