//! Statements for the superuser, through the `psql` program, so that devstack needs no SQL driver.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::installation::{self, Installation};

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Psql {
    program: PathBuf,
}

impl Psql {
    /// The one beside the server, or else the newest on this machine.
    pub(super) fn find(installation: &Installation) -> anyhow::Result<Self> {
        std::iter::once(installation.programs.clone())
            .chain(installation::packaged())
            .chain(installation::search_path())
            .map(|folder| folder.join("psql"))
            .find(|program| program.is_file())
            .map(|program| Self { program })
            .context("no psql on this machine: apt-get install postgresql-client")
    }

    /// Runs the statements one by one until the first that fails.
    pub(super) fn run(&self, socket: &Path, port: u16, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut child = Command::new(&self.program)
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-f", "-"])
            .args(["-d", database, "-p", &port.to_string(), "-h"])
            .arg(socket)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} does not start", self.program.display()))?;
        let mut input = child.stdin.take().context("psql has no input")?;
        let sql = format!("{sql}\n");
        // A thread of its own, because psql may answer before it has read everything.
        let writer = std::thread::spawn(move || input.write_all(sql.as_bytes()));
        let output = child.wait_with_output()?;
        let written = writer.join();
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        written.ok().context("writing to psql panicked")??;
        Ok(String::from_utf8(output.stdout)?.trim_end_matches('\n').to_owned())
    }
}
