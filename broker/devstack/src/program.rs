//! The broker itself, as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::scratch::has_ended;

/// The real program, serving. It is killed when this is dropped, and when the process that holds it is gone.
#[derive(Debug)]
pub struct Program {
    url: String,
    admin_url: String,
    process: u32,
    child: Child,
    /// Not a pipe: what it says must not wait for us, nor cost us anything while we measure it.
    log: NamedTempFile,
}

impl Program {
    /// Starts `binary` with this configuration and nothing but this environment; returns when it listens.
    ///
    /// The configuration must say `server.log: json`, which is the default.
    pub async fn start(binary: &Path, config: &Path, environment: &[(&str, &str)]) -> anyhow::Result<Self> {
        let log = NamedTempFile::new().context("no file for its log")?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(binary)
            .args(["serve", "--config"])
            .arg(config)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.reopen()?)
            .kill_on_drop(true)
            .spawn()
            .context("setpriv does not start (apt-get install util-linux)")?;
        let process = child.id().context("it has ended")?;
        let (url, admin_url) = (String::new(), String::new());
        let mut program = Self { url, admin_url, process, child, log };
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

    /// All that it has said so far, in whole lines.
    pub fn log(&self) -> Vec<String> {
        let bytes = std::fs::read(self.log.path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(str::to_owned).collect()
    }

    /// How many lines it has said so far: where to look from for what comes next.
    pub fn lines(&self) -> usize {
        self.log().len()
    }

    /// Waits for such a line after the first `from`; an error if it ends without it.
    pub async fn said(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let mut log = BufReader::new(self.log.reopen()?);
        let (mut line, mut number) = (String::new(), 0);
        let mut looks = tokio::time::interval(LOOK);
        loop {
            looks.tick().await;
            let ended = has_ended(self.process);
            while log.read_line(&mut line)? > 0 && line.ends_with('\n') {
                number += 1;
                match serde_json::from_str(&line) {
                    Ok(line) if number > from && wanted(&line) => return Ok(line),
                    _ => line.clear(),
                }
            }
            if ended {
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

/// How often it is looked at what it says.
const LOOK: Duration = Duration::from_millis(2);
