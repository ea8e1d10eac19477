//! Where Postgres is on this machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use super::builder::Version;
use crate::account::{self, Account};

/// One installed Postgres.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) major: u32,
    /// What `postgres --version` says.
    pub(crate) version: String,
    /// The folder with `postgres` and `initdb`.
    pub(crate) programs: PathBuf,
}

impl Installation {
    pub(super) fn find(version: Version) -> anyhow::Result<Self> {
        match version {
            Version::Installed => {
                packaged().into_iter().chain(search_path()).find_map(Self::at).or_else(|| all().into_iter().next())
                    .context("no Postgres on this machine: apt-get install postgresql, or `devstack install-postgres 17`")
            }
            Version::Major(major) => all().into_iter().find(|found| found.major == major).with_context(|| {
                format!("no Postgres {major} on this machine: `devstack install-postgres {major}` fetches it")
            }),
        }
    }

    /// The one whose programs are in this folder, if there is one.
    fn at(programs: PathBuf) -> Option<Self> {
        if !programs.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(programs.join("postgres")).arg("--version").output().ok()?;
        let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        let number = version.split_whitespace().nth(2)?;
        let major = number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
        Some(Self { major, version, programs })
    }
}

/// Every major version once, newest first.
pub(super) fn all() -> Vec<Installation> {
    let mut found: Vec<_> = named_by_environment()
        .chain(fetched())
        .chain(packaged())
        .chain(search_path())
        .filter_map(Installation::at)
        .collect();
    // Stable: of the same version, the first found stays first.
    found.sort_by_key(|installation| std::cmp::Reverse(installation.major));
    found.dedup_by_key(|installation| installation.major);
    found
}

/// The folder into which `devstack install-postgres` puts a version.
pub(super) fn fetched_folder(major: u32) -> anyhow::Result<PathBuf> {
    Ok(fetched_base()?.join(format!("postgres-{major}")))
}

/// The programs that packages installed, newest first.
pub(super) fn packaged() -> Vec<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = subfolders(Path::new("/usr/lib/postgresql"))
        .filter_map(|(name, path)| Some((name.parse().ok()?, path.join("bin"))))
        .collect();
    folders.sort_by_key(|(major, _)| std::cmp::Reverse(*major));
    folders.into_iter().map(|(_, path)| path).collect()
}

/// The folders of `PATH`.
pub(super) fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn named_by_environment() -> impl Iterator<Item = PathBuf> {
    std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| name.starts_with("DEVSTACK_POSTGRES_")))
        .map(|(_, folder)| folder.into())
}

fn fetched() -> impl Iterator<Item = PathBuf> {
    fetched_base()
        .ok()
        .into_iter()
        .flat_map(|base| subfolders(&base).collect::<Vec<_>>())
        .filter(|(name, _)| name.starts_with("postgres-"))
        .map(|(_, path)| path.join("bin"))
}

/// The user's cache; for root one that the servers' account can read, as root's home is often closed.
fn fetched_base() -> anyhow::Result<PathBuf> {
    if account::own_uid()? == 0 {
        return Ok(PathBuf::from("/var/cache/dsn-broker"));
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    Ok(cache.or_else(home).context("neither XDG_CACHE_HOME nor HOME is set")?.join("dsn-broker"))
}

fn subfolders(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(_, path)| path.is_dir())
}

/// Whether servers can run the programs in this folder.
pub(super) fn is_reachable(installation: &Installation) -> anyhow::Result<bool> {
    Ok(Account::of_servers()?.reaches(&installation.programs))
}
