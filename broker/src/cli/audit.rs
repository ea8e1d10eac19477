//! `dsn-broker audit`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::cli::{File, count};
use crate::config::Config;
use crate::ledger::{self, Flaw, Offline};
use crate::time::{Clock, SystemClock};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Prove that nothing was changed, removed or inserted, or say where the chain breaks.
    Verify(File),
    /// Write all events to standard output, one JSON object a line.
    Export(File),
    /// Remove events older than `audit.retention`, leaving a signed mark, so that `verify` still holds.
    Prune(File),
}

pub(super) async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Verify(file) => verify(&file.load()?).await,
        Command::Export(file) => export(&file.load()?).await,
        Command::Prune(file) => prune(&file.load()?).await,
    }
}

async fn verify(config: &Config) -> anyhow::Result<ExitCode> {
    let mut ledger = Offline::connect(&config.ledger, ledger::As::Writer).await?;
    let verdict = ledger.verify(&config.audit.key()?).await?;
    let (events, streams) = (count(verdict.events, "event"), count(verdict.streams, "stream"));
    println!("{events} in {streams}, {}", count(verdict.heads, "signed head"));
    if verdict.flaws.is_empty() {
        println!("the chain is whole");
        return Ok(ExitCode::SUCCESS);
    }
    print_flaws(&verdict.flaws);
    Ok(ExitCode::FAILURE)
}

async fn export(config: &Config) -> anyhow::Result<ExitCode> {
    let mut ledger = Offline::connect(&config.ledger, ledger::As::Writer).await?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut after = None;
    loop {
        let events = ledger.events(after, 1000).await?;
        let Some(last) = events.last() else { break };
        after = Some((last.at, last.stream, last.seq));
        for event in &events {
            serde_json::to_writer(&mut out, event)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush().context("standard output is closed")?;
    Ok(ExitCode::SUCCESS)
}

async fn prune(config: &Config) -> anyhow::Result<ExitCode> {
    let retention = config.audit.retention.context("audit.retention is not set: nothing is to be removed")?;
    let now = SystemClock.now();
    let mut ledger = Offline::connect(&config.ledger, ledger::As::Owner).await?;
    let key = config.audit.key()?;
    let verdict = ledger.verify(&key).await?;
    if !verdict.flaws.is_empty() {
        print_flaws(&verdict.flaws);
        anyhow::bail!("nothing was removed: the chain is broken, and what is left is the evidence");
    }
    let removed = ledger.prune(&key, now - retention.0, now).await?;
    println!("{} removed", count(removed, "event"));
    Ok(ExitCode::SUCCESS)
}

fn print_flaws(flaws: &[Flaw]) {
    println!("THE CHAIN IS BROKEN:");
    for flaw in flaws {
        println!("  {flaw}");
    }
}
