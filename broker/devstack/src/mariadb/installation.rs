//! Where MariaDB is on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;

/// The installed MariaDB.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    /// For example `10.11.19-MariaDB-0+deb12u1`.
    pub(super) version: String,
    /// The program `mariadbd`.
    pub(super) server: PathBuf,
    /// The program `mariadb-install-db`.
    pub(super) install: PathBuf,
    /// The program `mariadb`.
    pub(super) client: PathBuf,
}

impl Installation {
    pub(super) fn find() -> anyhow::Result<Self> {
        let (server, install, client) = (find("mariadbd"), find("mariadb-install-db"), find("mariadb"));
        if let (Some(server), Some(install), Some(client)) = (server, install, client)
            && let Some(version) = version(&server)
        {
            return Ok(Self { version, server, install, client });
        }
        // In MariaDB's packages this is another name of `mariadbd`.
        let mysql = find("mysqld").and_then(|server| version(&server)).filter(|v| !v.contains("MariaDB"));
        match mysql {
            Some(version) => {
                bail!("only MySQL {version} on this machine, which devstack cannot run: {INSTALL}")
            }
            None => bail!("no MariaDB on this machine: {INSTALL}"),
        }
    }
}

/// The program of this name, also in folders that are in the `PATH` of administrators only.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/bin", "/usr/sbin", "/usr/libexec", "/usr/local/bin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The third word of, for example, `mariadbd  Ver 10.11.19-MariaDB for debian-linux-gnu on x86_64`.
fn version(server: &Path) -> Option<String> {
    let output = Command::new(server).args(["--no-defaults", "--version"]).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    said.split_whitespace().skip_while(|word| *word != "Ver").nth(1).map(str::to_owned)
}

const INSTALL: &str = "apt-get install mariadb-server mariadb-client";
