//! Statements for the superuser, through the `mariadb` program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::client;

/// The program.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) program: PathBuf,
}

impl Client {
    /// Runs the statements one by one until the first that fails, over the socket in the server's folder.
    pub(super) fn run(&self, folder: &Path, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .args(["--no-defaults", "--protocol=socket", "--user=root", "--batch", "--skip-column-names"])
            .arg("--default-character-set=utf8mb4")
            .arg(format!("--socket={}", folder.join("socket").display()));
        if !database.is_empty() {
            command.arg(format!("--database={database}"));
        }
        // A tab in a value comes as `\t`.
        client::run(&mut command, sql).map(|rows| rows.replace('\t', "|"))
    }
}
