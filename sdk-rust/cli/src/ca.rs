//! Files that are written whole or not at all, and a folder for those that go with the process.

use std::fs::{Metadata, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use dsn_broker_sdk::{Broker, Request};
use tempfile::{Builder, NamedTempFile, TempDir};

use crate::Wanted;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    /// All: there is no secret in it.
    Everyone,
    /// Its owner, and whom the file that was there before let in by its group.
    Owner,
}

/// Puts a text in the place of the file, whoever reads it meanwhile.
pub(crate) fn replace(file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    write(file, text, readers).with_context(|| format!("{} cannot be written", file.display()))
}

fn write(file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let before = regular(file)?;
    let mut new = NamedTempFile::new_in(folder)?;
    let mode = match (readers, before) {
        (Readers::Everyone, _) => 0o644,
        (Readers::Owner, None) => 0o600,
        (Readers::Owner, Some(before)) => {
            if before.gid() != new.as_file().metadata()?.gid() {
                fchown(new.as_file(), None, Some(before.gid())).context("its group cannot be kept")?;
            }
            before.mode() & 0o770
        }
    };
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    new.write_all(text.as_bytes())?;
    // A machine that loses its power finds the one or the other, and nothing empty.
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

/// What is there already, which is not to be anything but a regular file: the new one would take the place of a link or device.
fn regular(file: &Path) -> anyhow::Result<Option<Metadata>> {
    match file.symlink_metadata() {
        Ok(there) if there.is_file() => Ok(Some(there)),
        Ok(there) if there.is_symlink() => bail!("it is a symbolic link: name the file itself"),
        Ok(_) => bail!("what is there is no regular file"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A folder in memory, where the machine has a place for it, that goes with the process.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|place| place.is_absolute());
    let mut errors = Vec::new();
    for place in runtime.into_iter().chain([PathBuf::from("/dev/shm"), std::env::temp_dir()]) {
        match Builder::new().prefix("dsn-").permissions(Permissions::from_mode(0o700)).tempdir_in(place) {
            Ok(folder) => return Ok(folder),
            Err(error) => errors.push(error.to_string()),
        }
    }
    bail!("there is no place for files that are kept while this runs: {}", errors.join("; "))
}

/// The request for a role, and where its database's CA is in this folder, if it is a private one.
pub(crate) async fn request(
    broker: &Broker,
    wanted: &Wanted,
    role: &str,
    folder: &Path,
) -> anyhow::Result<(Request, Option<PathBuf>)> {
    let request = wanted.request(broker, role);
    let Some(pem) = request.clone().format("json").get().await?.ca_pem().map(str::to_owned) else {
        return Ok((request, None));
    };
    let file = folder.join(format!("{role}.pem"));
    replace(&file, &pem, Readers::Everyone)?;
    Ok((request.ca_file(file.to_str().context("the path of the CA is not UTF-8")?), Some(file)))
}
