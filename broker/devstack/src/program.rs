//! The broker itself, as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The real program, serving. It is killed when this is dropped, and when the process that holds it is gone.
#[derive(Debug)]
pub struct Program {
    url: String,
    admin_url: String,
    process: u32,
    child: Child,
    log: watch::Receiver<Vec<String>>,
    reading: JoinHandle<()>,
}

impl Program {
    /// Starts `binary` with this configuration and nothing but this environment; returns when it listens.
    ///
    /// The configuration must say `server.log: json`, which is the default.
    pub async fn start(binary: &Path, config: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(binary)
            .args(["serve", "--config"])
            .arg(config)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("setpriv does not start (apt-get install util-linux)")?;
        let mut lines = BufReader::new(child.stderr.take().context("it has no log")?).lines();
        let (write, log) = watch::channel(Vec::new());
        let reading = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                write.send_modify(|log| log.push(line));
            }
        });
        let process = child.id().context("it has ended")?;
        let (url, admin_url) = (String::new(), String::new());
        let mut program = Self { url, admin_url, process, child, log, reading };
        let line = program.said(0, |line| message(line) == Some("listening")).await?;
        let local = |name: &str| Some(line.get(name)?.as_str()?.replace("127.0.0.1", "localhost"));
        let (public, admin) =
            local("public").zip(local("admin")).context("it does not say where it listens")?;
        let scheme = if line.get("tls") == Some(&Value::Bool(false)) { "http" } else { "https" };
        program.url = format!("{scheme}://{public}");
        program.admin_url = format!("http://{admin}");
        Ok(program)
    }

    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it tells of itself.
    pub fn admin_url(&self) -> &str {
        &self.admin_url
    }

    /// The number of the process.
    pub fn process(&self) -> u32 {
        self.process
    }

    /// What is under `/proc` about the process: `/proc/123`.
    pub fn proc(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}", self.process))
    }

    /// All that it has said so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// How many lines it has said so far: where to look from for what comes next.
    pub fn lines(&self) -> usize {
        self.log.borrow().len()
    }

    /// Waits for such a line after the first `from`; an error if it ends without it.
    pub async fn said(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let mut log = self.log.clone();
        let mut from = from;
        loop {
            for line in log.borrow_and_update().iter().skip(from) {
                from += 1;
                match serde_json::from_str(line) {
                    Ok(line) if wanted(&line) => return Ok(line),
                    _ => {}
                }
            }
            if log.changed().await.is_err() {
                bail!("it ended without saying so: {}", self.log().join("\n"));
            }
        }
    }

    /// Sends it this signal: `TERM`, `KILL`, `STOP`, …
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let process = self.process.to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process]).status().await?;
        if !sent.success() {
            bail!("process {process} could not be sent {name}");
        }
        Ok(())
    }

    /// Waits until it has ended by itself; answers how, and all that it said.
    pub async fn ended(&mut self) -> anyhow::Result<(ExitStatus, Vec<String>)> {
        let status = self.child.wait().await?;
        (&mut self.reading).await?;
        Ok((status, self.log()))
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("it could not be killed")
    }
}

fn message(line: &Value) -> Option<&str> {
    line.get("message")?.as_str()
}
