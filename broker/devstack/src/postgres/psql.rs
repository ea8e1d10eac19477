//! Statements for the superuser, through the `psql` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::installation::{self, Installation};
use crate::client;

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
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-f", "-"])
            .args(["-d", database, "-p", &port.to_string(), "-h"])
            .arg(socket);
        client::run(&mut command, sql)
    }
}
