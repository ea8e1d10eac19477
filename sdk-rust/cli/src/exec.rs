//! A program with DSNs in its environment or in files, which are kept good while it runs.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::{ExitCode, ExitStatus};
use std::str::FromStr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use dsn_broker_sdk::{Broker, Changes, Dsn, Keeper, Request};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal as Stream, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use crate::ca::WithCa;
use crate::file::{self, Readers};
use crate::{Wanted, show};

/// Run a program.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Exec {
    /// A role, whose DSN the program finds in DATABASE_URL; or VARIABLE=ROLE; or a file: /PATH=ROLE.
    #[arg(required = true)]
    roles: Vec<Place>,
    #[command(flatten)]
    wanted: Wanted,
    /// What becomes of the program when a DSN has changed; files are written anew before. A restart is for programs that read
    /// their environment once. A program that has ended by itself is not started again.
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

#[derive(Clone, PartialEq)]
enum To {
    Variable(String),
    File(PathBuf),
}

impl Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (to, role) = match text.rsplit_once('=') {
            None => (To::Variable("DATABASE_URL".to_owned()), text),
            Some((file, role)) if file.starts_with('/') => (To::File(file.into()), role),
            Some((name, _))
                if name.is_empty()
                    || name.starts_with(|first: char| first.is_ascii_digit())
                    || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') =>
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
    request: WithCa,
    /// What the program has.
    given: Arc<Dsn>,
    /// Whether it was said that there is no successor.
    is_late: bool,
    /// Whether it was said that it has ended.
    has_ended: bool,
}

/// A program that runs, and what it runs with.
struct Running<'a> {
    exec: &'a Exec,
    kept: Vec<Kept>,
    signals: Signals,
    child: Child,
    /// When to look for what has changed.
    due: Option<Instant>,
    /// Whether the program was told to end for good.
    is_ending: bool,
    /// What went wrong with the last change, so that it is said once.
    wrong: Option<String>,
}

impl Exec {
    pub(crate) async fn run(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        self.check()?;
        let mut signals = Signals::new()?;
        let folder = file::folder()?;
        let mut kept = signals.unless(self.keep(broker, &folder)).await?;
        let changed = Arc::new(Notify::new());
        for it in &mut kept {
            tokio::spawn(follow(it.keeper.changes(), Arc::clone(&it.given), Arc::clone(&changed)));
            // The first may have changed while the last was waited for.
            it.given = it.fresh()?;
        }
        let child = self.start(&kept)?;
        let running = Running { exec: self, kept, signals, child, due: None, is_ending: false, wrong: None };
        running.run(&changed).await
    }

    fn check(&self) -> anyhow::Result<()> {
        for (index, place) in self.roles.iter().enumerate() {
            if let Some(other) = self.roles.iter().take(index).find(|other| other.to == place.to) {
                let (to, first, second) = (&place.to, &other.role, &place.role);
                bail!("{to} cannot have the DSNs of both {first} and {second}: name another, VARIABLE=ROLE");
            }
        }
        Ok(())
    }

    async fn keep(&self, broker: &Broker, folder: &TempDir) -> anyhow::Result<Vec<Kept>> {
        let mut kept = Vec::new();
        for place in &self.roles {
            let ca = folder.path().join(format!("{}.pem", place.role));
            let mut request = WithCa::new(self.wanted.request(broker, &place.role), ca);
            let keeper = request.ask(Request::keep).await;
            let keeper = keeper.with_context(|| format!("no DSN of role `{}`", place.role))?;
            let given = keeper.current()?;
            request.write(&given)?;
            kept.push(Kept {
                place: place.clone(),
                keeper,
                request,
                given,
                is_late: false,
                has_ended: false,
            });
        }
        Ok(kept)
    }

    fn start(&self, kept: &[Kept]) -> anyhow::Result<Child> {
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        // The program has its DSNs, and no right to ask for more.
        forget(&mut command, |name| name.starts_with("DSN_BROKER_"));
        for Kept { place, given, .. } in kept {
            if let To::Variable(name) = &place.to {
                command.env(name, given.text());
            }
        }
        spawn(command)
    }
}

impl Running<'_> {
    async fn run(mut self, changed: &Notify) -> anyhow::Result<ExitCode> {
        let mut looks = interval(AGAIN);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A program that has ended is not told or started again, whatever else there is.
                biased;
                status = self.child.wait() => return Ok(code(status?)),
                number = self.signals.next() => {
                    self.is_ending |= is_end(number);
                    send(&self.child, number);
                }
                // Several that change together are one change.
                () = changed.notified() => {
                    let soon = Instant::now() + TOGETHER;
                    self.due = Some(self.due.map_or(soon, |due| due.min(soon)));
                }
                () = sleep_until(self.due.unwrap_or_else(Instant::now)), if self.due.is_some() => {
                    if let Some(code) = self.renew().await? {
                        return Ok(code);
                    }
                }
                _ = looks.tick() => self.kept.iter_mut().for_each(Kept::look),
            }
        }
    }

    /// Gives the program what has changed. Answers how it ended, if it did for good.
    async fn renew(&mut self) -> anyhow::Result<Option<ExitCode>> {
        let (fresh, is_whole) = self.fresh();
        if self.kept.iter().zip(&fresh).all(|(kept, fresh)| kept.given.text() == fresh.text()) {
            return Ok(None);
        }
        match self.exec.on_change {
            OnChange::Nothing => self.give(fresh),
            OnChange::Hup => {
                self.give(fresh);
                send(&self.child, Signal::HUP);
            }
            OnChange::Usr1 => {
                self.give(fresh);
                send(&self.child, Signal::USR1);
            }
            // It goes on with what it has, until all is there.
            OnChange::Restart if !is_whole => {}
            OnChange::Restart if self.is_ending => {
                show::note("the program was told to end, and is not started again");
            }
            OnChange::Restart => {
                self.give(fresh);
                if let Some(code) = self.end().await? {
                    return Ok(Some(code));
                }
                // It may have taken its time. Where one cannot be had now, there is that of before.
                let (fresh, _) = self.fresh();
                self.give(fresh);
                self.child = self.exec.start(&self.kept)?;
            }
        }
        Ok(None)
    }

    /// The present DSNs, in their files, or those that the program has where that fails; and whether none failed.
    fn fresh(&mut self) -> (Vec<Arc<Dsn>>, bool) {
        let mut wrong = None;
        let mut fresh = Vec::new();
        for kept in &self.kept {
            fresh.push(kept.fresh().unwrap_or_else(|error| {
                wrong = Some(format!("the program keeps its DSN of {}: {error:#}", kept.place.role));
                Arc::clone(&kept.given)
            }));
        }
        if let Some(wrong) = wrong.as_ref().filter(|wrong| self.wrong.as_ref() != Some(wrong)) {
            show::note(wrong);
        }
        self.due = wrong.as_ref().map(|_| Instant::now() + AGAIN);
        self.wrong = wrong;
        (fresh, self.wrong.is_none())
    }

    fn give(&mut self, fresh: Vec<Arc<Dsn>>) {
        for (kept, fresh) in self.kept.iter_mut().zip(fresh) {
            kept.given = fresh;
        }
    }

    /// Ends the program, to start it again. Answers how it ended, if it did by itself or was told to end for good.
    async fn end(&mut self) -> anyhow::Result<Option<ExitCode>> {
        if let Some(status) = self.child.try_wait()? {
            return Ok(Some(code(status)));
        }
        send(&self.child, Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(self.exec.grace);
        let status = loop {
            tokio::select! {
                // A signal that has come must not be lost to the next program.
                biased;
                number = self.signals.next() => {
                    self.is_ending |= is_end(number);
                    send(&self.child, number);
                }
                status = self.child.wait() => break status?,
                () = sleep_until(deadline) => {
                    self.child.start_kill()?;
                    break self.child.wait().await?;
                }
            }
        };
        Ok(self.is_ending.then(|| code(status)))
    }
}

impl Kept {
    /// The present DSN. Where that is wanted in a file, it is there; and so is the CA.
    fn fresh(&self) -> anyhow::Result<Arc<Dsn>> {
        let dsn = self.keeper.current()?;
        self.request.write(&dsn)?;
        if let To::File(file) = &self.place.to {
            file::replace(file, dsn.text(), Readers::Owner)?;
        }
        Ok(dsn)
    }

    /// Says it once when there is no successor, and when there is no DSN any more.
    fn look(&mut self) {
        let role = &self.place.role;
        let error = self.keeper.last_error();
        if let Some(error) = error.clone().filter(|_| !self.is_late) {
            let error = anyhow::Error::new(error);
            show::note(&format!("there is no successor yet of the DSN of {role}: {error:#}"));
        }
        self.is_late = error.is_some();
        let ended = self.keeper.current().err();
        self.has_ended = ended.is_some()
            && (self.has_ended || {
                show::note(&format!("the DSN of {role} has ended, and has no successor"));
                true
            });
    }
}

/// Tells of changes of what a program is given.
async fn follow(mut changes: Changes, mut before: Arc<Dsn>, changed: Arc<Notify>) {
    while let Some(dsn) = changes.next().await {
        // It may be the same that lives longer.
        if dsn.text() != before.text() {
            show::note(&format!("the DSN of {} has changed", dsn.role()));
        }
        changed.notify_one();
        before = dsn;
    }
}

/// Runs a program to its end.
pub(crate) async fn wait(mut command: Command, mut signals: Signals) -> anyhow::Result<ExitCode> {
    forget(&mut command, |name| name.starts_with("DSN_BROKER_"));
    let mut child = spawn(command)?;
    loop {
        tokio::select! {
            biased;
            status = child.wait() => return Ok(code(status?)),
            number = signals.next() => send(&child, number),
        }
    }
}

/// Keeps variables of this process from a program.
pub(crate) fn forget(command: &mut Command, is_meant: impl Fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if is_meant(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
}

fn spawn(mut command: Command) -> anyhow::Result<Child> {
    let child = command.kill_on_drop(true).spawn();
    child.map_err(|error| {
        let code = if error.kind() == ErrorKind::NotFound { 127 } else { 126 };
        let what = format!("{} does not start", command.as_std().get_program().to_string_lossy());
        anyhow::Error::new(error).context(Failure::new(code, what))
    })
}

/// A failure with an exit code of its own.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    what: String,
}

impl Failure {
    pub(crate) fn new(code: u8, what: impl Into<String>) -> Self {
        Self { code, what: what.into() }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// The signals that are meant for the program.
///
/// They are waited for before there is a secret on the disk: none ends this process where it stands from then on.
pub(crate) struct Signals([(Signal, Stream); 6]);

impl Signals {
    pub(crate) fn new() -> anyhow::Result<Self> {
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

    /// What the work comes to, unless a signal comes before it is done.
    pub(crate) async fn unless<T>(
        &mut self,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            done = work => done,
            number = self.next() => {
                let number = number.as_raw();
                let code = u8::try_from(128 + number).unwrap_or(u8::MAX);
                let what = format!("ended by signal {number} before it was done");
                Err(Failure::new(code, what).into())
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Signal {
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

/// Whether a signal means the end for good.
pub(crate) fn is_end(number: Signal) -> bool {
    [Signal::TERM, Signal::INT, Signal::QUIT].contains(&number)
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
pub(crate) const TOGETHER: Duration = Duration::from_secs(1);

/// How long to wait after a change that failed, and from one look at the keepers to the next.
const AGAIN: Duration = Duration::from_secs(5);

/// What the exit code says.
pub(crate) const EXIT_CODES: &str = "The exit code is the program's, 128 and the number of the signal that ended it, 127 if \
there is no such program, 126 if it cannot be started, 2 if the arguments are wrong, and 125 for all else that fails before.";
