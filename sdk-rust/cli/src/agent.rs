//! Files with DSNs, which are kept good: beside an application in its pod, or before it.

mod action;
mod config;
mod role;
mod standing;
mod template;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use clap::Args;
use dsn_broker_sdk::Builder;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::action::act;
use self::config::{Action, Config, Ready};
use self::role::Role;
use self::standing::Standings;
use crate::exec::{Failure, Signals, is_end};

/// Write files with DSNs, and keep them good.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct RunAgent {
    /// The configuration, YAML. Default: the text in the variable DSN_AGENT_CONFIG.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Write all files once, and end: for an init container.
    #[arg(long)]
    once: bool,
    /// With --once, how long to try: 5m. Default: for ever.
    #[arg(long, requires = "once", value_parser = config::span)]
    r#for: Option<Duration>,
    /// Only say by the exit code whether the ready file is there: for a probe.
    #[arg(long, conflicts_with_all = ["once", "check"])]
    is_ready: bool,
    /// Only read the configuration, and say what is wrong with it.
    #[arg(long, conflicts_with = "once")]
    check: bool,
}

/// What an agent would refuse in this configuration, a line for each; nothing if all is well.
pub(crate) fn refusal(configuration: &str) -> Option<String> {
    Config::parse(configuration, "the agent's configuration").err().map(|wrong| wrong.to_string())
}

impl RunAgent {
    pub(crate) async fn run(&self) -> anyhow::Result<ExitCode> {
        let Config { broker, ready, files, on_change } = self.config()?;
        if self.check {
            return Ok(ExitCode::SUCCESS);
        }
        if self.is_ready {
            let none = || Failure::new(2, "the configuration has no `ready.file` to look for");
            let file = ready.file.ok_or_else(none)?;
            return Ok(if file.exists() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        let broker = broker.builder().and_then(Builder::build);
        let broker = broker.map_err(|error| Failure::new(2, error.to_string()))?;
        let mut signals = Signals::new()?;
        let roles = Role::all(&broker, files);
        match self.once {
            true => signals.unless(once(roles, self.r#for)).await.map(|()| ExitCode::SUCCESS),
            false => keep(roles, ready, on_change, signals).await.map(|()| ExitCode::SUCCESS),
        }
    }

    fn config(&self) -> Result<Config, Failure> {
        let (text, source) = match &self.config {
            Some(file) => (std::fs::read_to_string(file), file.display().to_string()),
            None => {
                let text = std::env::var(VARIABLE);
                let text = text.map_err(|_| Failure::new(2, "no configuration: give --config FILE"))?;
                (Ok(text), VARIABLE.to_owned())
            }
        };
        let text = text.map_err(|error| Failure::new(2, format!("{source} cannot be read: {error}")))?;
        Config::parse(&text, &source).map_err(|wrong| Failure::new(2, wrong.to_string()))
    }
}

/// Writes all files.
async fn once(roles: Vec<Role>, longest: Option<Duration>) -> anyhow::Result<()> {
    let mut tasks: JoinSet<()> = roles.into_iter().map(Role::write).collect();
    let all = async {
        while let Some(done) = tasks.join_next().await {
            done?;
        }
        Ok(())
    };
    match longest {
        None => all.await,
        Some(longest) => timeout(longest, all)
            .await
            .unwrap_or_else(|_| bail!("not all files could be written within {longest:?}")),
    }
}

/// Keeps all files until it is told to end.
async fn keep(
    roles: Vec<Role>,
    ready: Ready,
    on_change: Vec<Action>,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let standings = Standings::of(roles.iter().map(Role::name));
    let changed = Arc::new(Notify::new());
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    // One that was killed has left it there.
    ready.file.as_deref().map_or(Ok(()), standing::remove)?;
    if let Some(address) = ready.listen {
        tasks.spawn(standings.clone().serve(standing::listen(address).await?));
    }
    if let Some(file) = ready.file.clone() {
        let standings = standings.clone();
        tasks.spawn(async move { standings.keep(file).await });
    }
    for role in roles {
        let (standings, changed) = (standings.clone(), Arc::clone(&changed));
        tasks.spawn(async move { match role.keep(standings, changed).await {} });
    }
    tasks.spawn(async move { match act(on_change, changed).await {} });
    let ended = loop {
        tokio::select! {
            number = signals.next() => if is_end(number) {
                break Ok(());
            },
            // None of them ends while all is well.
            ended = tasks.join_next() => break match ended {
                Some(Ok(Err(error))) => Err(error),
                Some(Err(error)) => Err(error.into()),
                Some(Ok(Ok(()))) | None => Err(anyhow!("a part of the agent has ended")),
            },
        }
    };
    tasks.shutdown().await;
    ready.file.as_deref().map_or(Ok(()), standing::remove)?;
    ended
}

/// How long to wait after this many failures, one after the other: a second, doubled each time, less up to a quarter; and
/// as long as the broker wants, if it says so.
fn pause(failures: u32, wanted: Option<Duration>) -> Duration {
    let doubled = SHORTEST.saturating_mul(1 << failures.saturating_sub(1).min(5)).min(LONGEST);
    doubled.mul_f64(1.0 - fastrand::f64() / 4.0).max(wanted.unwrap_or_default().min(DAY))
}

const SHORTEST: Duration = Duration::from_secs(1);

const LONGEST: Duration = Duration::from_secs(30);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// From one look at what is kept to the next, where nobody tells.
const LOOK: Duration = Duration::from_secs(5);

/// Where the configuration may be, instead of in a file.
const VARIABLE: &str = "DSN_AGENT_CONFIG";

const EXIT_CODES: &str = "The exit code is 0 after TERM, INT or QUIT, and with --once when all files are written; 2 if the \
arguments or the configuration are wrong; 128 and the number of the signal that ended --once; and 1 for all else.";
