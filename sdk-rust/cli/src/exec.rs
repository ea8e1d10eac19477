//! A program with DSNs in its environment or in files, which are kept good while it runs.

use std::future::poll_fn;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::str::FromStr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use dsn_broker_sdk::{Broker, Changes, Dsn, Keeper};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::{Wanted, ca, show};

/// Run a program.
#[derive(Args)]
pub(crate) struct Exec {
    /// A role, whose DSN the program finds in DATABASE_URL; or VARIABLE=ROLE; or a file: /PATH=ROLE.
    #[arg(required = true)]
    roles: Vec<Place>,
    #[command(flatten)]
    wanted: Wanted,
    /// What becomes of the program when a DSN has changed; files are written anew before. A restart is for programs that read
    /// their environment once.
    #[arg(long, default_value = "restart")]
    on_change: OnChange,
    /// How long the program may take to end before it is killed, in seconds.
    #[arg(long, default_value_t = 30)]
    grace: u64,
    /// The program and its arguments, after `--`.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

/// What becomes of a program when a DSN has changed.
#[derive(Clone, Copy, ValueEnum)]
enum OnChange {
    /// It is ended and started again.
    Restart,
    /// It gets the signal HUP.
    Hup,
    /// It gets the signal USR1.
    Usr1,
    /// It is not told.
    Nothing,
}

/// Where the program finds the DSN of a role.
#[derive(Clone)]
struct Place {
    to: To,
    role: String,
}

#[derive(Clone)]
enum To {
    Variable(String),
    File(PathBuf),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (to, role) = match text.rsplit_once('=') {
            None => (To::Variable("DATABASE_URL".to_owned()), text),
            Some((file, role)) if file.starts_with('/') => (To::File(file.into()), role),
            Some((name, _))
                if name.is_empty() || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') =>
            {
                return Err(format!("`{name}` is neither the name of a variable nor an absolute path"));
            }
            Some((name, role)) => (To::Variable(name.to_owned()), role),
        };
        Ok(Self { to, role: role.to_owned() })
    }
}

/// A role that is kept.
struct Kept {
    place: Place,
    keeper: Keeper,
}

impl Exec {
    pub(crate) async fn run(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        let folder = ca::folder()?;
        let (sender, mut changes) = mpsc::channel(16);
        let mut kept = Vec::new();
        for place in &self.roles {
            let keeper = keep(broker, &self.wanted, &place.role, &folder).await?;
            tokio::spawn(follow(keeper.changes(), sender.clone()));
            kept.push(Kept { place: place.clone(), keeper });
        }
        write_files(&kept)?;
        let mut child = self.start(&kept)?;
        let mut signals = Signals::new()?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(code(status?)),
                number = signals.next() => send(&child, number),
                Some(role) = changes.recv() => {
                    // Several that change together are one change.
                    sleep(TOGETHER).await;
                    while changes.try_recv().is_ok() {}
                    show::note(&format!("the DSN of {role} has changed"));
                    write_files(&kept)?;
                    match self.on_change {
                        OnChange::Nothing => {}
                        OnChange::Hup => send(&child, Signal::HUP),
                        OnChange::Usr1 => send(&child, Signal::USR1),
                        OnChange::Restart => {
                            if let Some(status) = self.end(&mut child, &mut signals).await? {
                                return Ok(status);
                            }
                            child = self.start(&kept)?;
                        }
                    }
                }
            }
        }
    }

    fn start(&self, kept: &[Kept]) -> anyhow::Result<Child> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments).kill_on_drop(true);
        for Kept { place, keeper } in kept {
            if let To::Variable(name) = &place.to {
                command.env(name, keeper.current()?.text());
            }
        }
        // The program has its DSNs, and no right to ask for more.
        command.env_remove("DSN_BROKER_TOKEN");
        command.spawn().with_context(|| format!("{program} does not start"))
    }

    /// Ends the program, to start it again. A signal meanwhile is meant for good: then this answers how it ended.
    async fn end(&self, child: &mut Child, signals: &mut Signals) -> anyhow::Result<Option<ExitCode>> {
        send(child, Signal::TERM);
        let ended = tokio::select! {
            ended = timeout(Duration::from_secs(self.grace), child.wait()) => ended,
            number = signals.next() => {
                send(child, number);
                return Ok(Some(code(child.wait().await?)));
            }
        };
        match ended {
            Ok(status) => drop(status?),
            Err(_) => child.kill().await?,
        }
        Ok(None)
    }
}

async fn keep(broker: &Broker, wanted: &Wanted, role: &str, folder: &TempDir) -> anyhow::Result<Keeper> {
    let request = ca::request(broker, wanted, role, folder.path()).await?;
    request.keep().await.with_context(|| format!("no DSN of role `{role}`"))
}

async fn follow(mut changes: Changes, sender: mpsc::Sender<String>) {
    while let Some(dsn) = changes.next().await {
        if sender.send(dsn.role().to_owned()).await.is_err() {
            return;
        }
    }
}

fn write_files(kept: &[Kept]) -> anyhow::Result<()> {
    for Kept { place, keeper } in kept {
        if let To::File(file) = &place.to {
            let dsn: Arc<Dsn> = keeper.current()?;
            ca::replace(file, dsn.text())?;
        }
    }
    Ok(())
}

/// Runs a program to its end.
pub(crate) async fn wait(mut command: Command) -> anyhow::Result<ExitCode> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command.kill_on_drop(true).spawn().with_context(|| format!("{name} does not start"))?;
    let mut signals = Signals::new()?;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status?)),
            number = signals.next() => send(&child, number),
        }
    }
}

/// The signals that are meant for the program.
struct Signals([(Signal, Stream); 6]);

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let stream = |number: Signal| anyhow::Ok((number, signal(SignalKind::from_raw(number.as_raw()))?));
        Ok(Self([
            stream(Signal::TERM)?,
            stream(Signal::INT)?,
            stream(Signal::HUP)?,
            stream(Signal::QUIT)?,
            stream(Signal::USR1)?,
            stream(Signal::USR2)?,
        ]))
    }

    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (number, stream) in &mut self.0 {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}

fn send(child: &Child, number: Signal) {
    // A terminal has sent it to all that run in it.
    if number == Signal::INT && std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return;
    }
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(id) = id {
        // It fails for a program that has just ended.
        let _ = kill_process(id, number);
    }
}

/// What a shell says of such an end.
fn code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// How long to wait for others after a change.
const TOGETHER: Duration = Duration::from_secs(1);
