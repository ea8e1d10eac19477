//! A temporary folder with a server in it, and the guard that outlives us to clean both up.
//!
//! A death signal from the kernel would need unsafe code and follows the *thread* that started the server, which in
//! tests is often the first to go. So each folder has a guard: a small shell process that reads commands from a pipe
//! whose other end we hold. However we end, the pipe ends, and the guard stops the server and removes the folder. The
//! guard is in a process group of its own, so Ctrl-C in a terminal reaches us and not the servers.

mod disk;

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::account::Account;
use crate::cache;

/// A temporary folder, empty at first, and at most one server that runs from it.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    account: Account,
    guard: Mutex<Guard>,
}

/// What a process can be told.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    Continue,
    Interrupt,
    Kill,
    Quit,
    Stop,
    Terminate,
}

#[derive(Debug)]
struct Guard {
    child: Option<Child>,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    server: Option<u32>,
}

impl Scratch {
    /// Makes the folder and its guard. `farewell` is what a server in it is told when we are gone.
    pub(crate) fn create(name: &str, account: Account, farewell: Signal) -> anyhow::Result<Self> {
        Self::with_disk(name, account, farewell, None)
    }

    /// The same, with a disk of its own of so many bytes as the folder `disk`, which only the server in it sees.
    pub(crate) fn with_disk(
        name: &str,
        account: Account,
        farewell: Signal,
        disk: Option<u64>,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("devstack-{name}-"))
            .tempdir_in(cache::temporary_base(account))
            .context("no temporary folder")?;
        account.adopt(folder.path())?;
        let guard = ["sh", "-c", GUARD, "devstack-guard"].map(OsStr::new);
        let guard = guard.into_iter().chain([folder.path().as_os_str(), OsStr::new(farewell.name())]);
        let mut child = disk::run(guard, folder.path(), account, disk)?
            // Servers read settings from variables such as PGOPTIONS, and need none of our secrets.
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the guard does not start")?;
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("the guard has no output")?);
        let guard = Mutex::new(Guard { child: Some(child), commands, answers, server: None });
        Ok(Self { path: folder.keep(), account, guard })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn account(&self) -> Account {
        self.account
    }

    /// Starts the server and waits until it is `ready`, which is told the number of its process.
    pub(crate) fn start<S: AsRef<OsStr>>(
        &self,
        command: &[S],
        ready: impl Fn(u32) -> bool,
    ) -> anyhow::Result<()> {
        let mut guard = self.guard();
        if guard.server.is_some() {
            bail!("it runs already");
        }
        let mut run = String::from("exec");
        for word in command {
            let word = word.as_ref().to_str().context("a path is not UTF-8")?;
            run.extend([" '", &word.replace('\'', r"'\''"), "'"]);
        }
        fs::write(self.path.join("run"), run)?;
        self.account.adopt(&self.path.join("run"))?;
        let server = guard.ask("start")?.trim().parse().context("the guard did not start the server")?;
        guard.server = Some(server);
        for _ in 0..POLLS {
            if ready(server) {
                return Ok(());
            }
            if has_ended(server) {
                guard.ask("reap")?;
                guard.server = None;
                bail!("it ended at its start:\n{}", self.log_tail());
            }
            thread::sleep(POLL);
        }
        guard.end(Signal::Kill)?;
        bail!("it is not ready after {:?}:\n{}", POLL * POLLS, self.log_tail())
    }

    /// Asks the server to end and waits until it has; it is killed if it takes too long. Does nothing if it is down.
    pub(crate) fn stop(&self, signal: Signal) -> anyhow::Result<()> {
        self.guard().end(signal)
    }

    /// Tells the server and all processes it has started.
    pub(crate) fn signal_all(&self, signal: Signal) -> anyhow::Result<()> {
        let mut guard = self.guard();
        if guard.server.is_none() {
            bail!("it does not run");
        }
        guard.ask(&format!("all {}", signal.name()))?;
        Ok(())
    }

    /// Fills the disk that it was given to the last byte, whether the server runs or not.
    pub(crate) fn fill_disk(&self) -> anyhow::Result<()> {
        match self.guard().ask("fill")?.trim() {
            "full" => Ok(()),
            other => bail!("the disk cannot be filled: {other}"),
        }
    }

    /// Undoes [`Scratch::fill_disk`].
    pub(crate) fn free_disk(&self) -> anyhow::Result<()> {
        self.guard().ask("free").map(drop)
    }

    /// Stops the server and removes the folder, and waits until both are gone. Dropping does the same without waiting.
    pub(crate) fn clean_up(&self) -> anyhow::Result<()> {
        let mut guard = self.guard();
        drop(guard.commands.take());
        if let Some(mut child) = guard.child.take() {
            child.wait()?;
        }
        guard.server = None;
        Ok(())
    }

    /// All that the server has written.
    pub(crate) fn log(&self) -> String {
        fs::read(self.path.join("log"))
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let mut tail = Vec::new();
        if let Ok(mut log) = fs::File::open(self.path.join("log")) {
            let _ = log.seek(std::io::SeekFrom::End(-LOG_TAIL));
            let _ = log.read_to_end(&mut tail);
        }
        String::from_utf8_lossy(&tail).into_owned()
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guard {
    fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        let commands = self.commands.as_mut().context("the guard is gone")?;
        writeln!(commands, "{command}").context("the guard is gone")?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer).context("the guard is gone")? == 0 {
            bail!("the guard is gone");
        }
        Ok(answer)
    }

    fn end(&mut self, signal: Signal) -> anyhow::Result<()> {
        let Some(server) = self.server else { return Ok(()) };
        if matches!(signal, Signal::Kill) {
            self.ask("all KILL")?;
        } else {
            self.ask("all CONT")?;
            self.ask(&format!("one {}", signal.name()))?;
        }
        let ended = (0..POLLS).any(|_| {
            let ended = has_ended(server);
            if !ended {
                thread::sleep(POLL);
            }
            ended
        });
        if !ended {
            self.ask("all KILL")?;
        }
        self.ask("reap")?;
        self.server = None;
        Ok(())
    }
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Continue => "CONT",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
            Self::Quit => "QUIT",
            Self::Stop => "STOP",
            Self::Terminate => "TERM",
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(mut child) = self.child.take() {
            // Collected by a thread, so that dropping a world in an async test holds up nobody.
            thread::spawn(move || child.wait());
        }
    }
}

/// Whether the process has ended, collected or not.
pub(crate) fn has_ended(process: u32) -> bool {
    fs::read_to_string(format!("/proc/{process}/stat"))
        .ok()
        .and_then(|stat| Some(stat.rsplit_once(") ")?.1.starts_with(['Z', 'X'])))
        .unwrap_or(true)
}

const GUARD: &str = include_str!("scratch/guard.sh");
const POLL: Duration = Duration::from_millis(5);
const POLLS: u32 = 6000;
const LOG_TAIL: i64 = 2000;
