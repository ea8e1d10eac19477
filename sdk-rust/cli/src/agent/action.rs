//! What is done when files have changed.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt::{self, Display};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::Command;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::config::{Action, Target};
use super::pause;
use crate::exec::{TOGETHER, forget};
use crate::show;

/// Does all of it once after changes that come together. What fails is tried again, until it succeeds.
pub(super) async fn act(actions: Vec<Action>, changed: Arc<Notify>) -> Infallible {
    // What is still to be done.
    let mut due: Vec<&Action> = Vec::new();
    let mut failures = 0;
    let mut again = Instant::now();
    loop {
        tokio::select! {
            () = changed.notified() => {
                sleep(TOGETHER).await;
                // Those that came meanwhile are the same change.
                let _ = timeout(Duration::ZERO, changed.notified()).await;
                (due, failures) = (actions.iter().collect(), 0);
            }
            () = sleep_until(again), if !due.is_empty() => {}
        }
        let mut failed = Vec::new();
        for action in due {
            if let Err(error) = action.run().await {
                show::note(&format!("{action}: {error:#}; it is tried again"));
                failed.push(action);
            }
        }
        due = failed;
        failures += 1;
        again = Instant::now() + pause(failures, None);
    }
}

impl Action {
    async fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Command { program, arguments, timeout } => run(program, arguments, *timeout).await,
            Self::Signal { signal, to } => to.send(*signal),
        }
    }
}

async fn run(program: &str, arguments: &[String], longest: Duration) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    // It is told that there is something new, and has no right to ask for more.
    forget(&mut command, |name| name.starts_with("DSN_BROKER_"));
    let mut child = command.spawn().context("it does not start")?;
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let Ok(status) = timeout(longest, child.wait()).await else {
        // What it has started ends with it.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        child.wait().await?;
        bail!("it did not end within {longest:?}, and was killed");
    };
    match status? {
        status if status.success() => Ok(()),
        // An exit code, or a signal.
        status => bail!("it failed, {status}"),
    }
}

impl Target {
    fn send(&self, signal: Signal) -> anyhow::Result<()> {
        let processes = match self {
            Self::PidFile(file) => vec![in_file(file)?],
            Self::Process(name) => named(name)?,
        };
        let own = rustix::process::getpid();
        for process in processes {
            if process == own {
                bail!("that is the agent itself");
            }
            kill_process(process, signal)
                .with_context(|| format!("process {} cannot be sent it", process.as_raw_nonzero()))?;
        }
        Ok(())
    }
}

fn in_file(file: &Path) -> anyhow::Result<Pid> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let number = text.trim().parse().ok().filter(|number| *number > 0).and_then(Pid::from_raw);
    number.with_context(|| format!("{} has no number of a process in it", file.display()))
}

/// All processes of that name whose parents have others: a server passes on what it is told to those it has started.
fn named(name: &str) -> anyhow::Result<Vec<Pid>> {
    // The kernel keeps no more of a name.
    let name: String = name.chars().take(15).collect();
    let mut parents = HashMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let folder = entry?.path();
        let Some(number) = folder.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok()) else {
            continue;
        };
        // It may end while it is looked at.
        let comm = std::fs::read_to_string(folder.join("comm")).unwrap_or_default();
        if comm.trim_end_matches('\n') == name {
            parents.insert(number, parent(&folder).unwrap_or_default());
        }
    }
    let first = parents.iter().filter(|(_, parent)| !parents.contains_key(parent));
    let first: Vec<_> = first.filter_map(|(number, _)| Pid::from_raw(*number)).collect();
    if first.is_empty() {
        bail!("there is no such process in sight of the agent");
    }
    Ok(first)
}

/// The parent's number: the second field behind the name, which may have anything in it.
fn parent(folder: &Path) -> Option<i32> {
    let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command { program, .. } => write!(f, "the command {program}"),
            Self::Signal { signal, to: Target::PidFile(file) } => {
                write!(f, "the signal {} to the process in {}", signal.as_raw(), file.display())
            }
            Self::Signal { signal, to: Target::Process(name) } => {
                write!(f, "the signal {} to {name}", signal.as_raw())
            }
        }
    }
}
