//! Files that are written whole or not at all, and a folder for those that go with the process.

use std::fs::{Metadata, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use tempfile::{Builder, NamedTempFile, TempDir};

/// Who may read a file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Readers {
    /// All: there is no secret in it.
    Everyone,
    /// Its owner, and whom the file that was there before let in by its group.
    Owner,
    /// Whom these let in, whatever was there before.
    These(Rights),
}

/// Whose a file is, and who may do what with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights {
    pub(crate) mode: u32,
    /// The user and the group; otherwise who writes it.
    pub(crate) owner: Option<(u32, u32)>,
}

/// Puts a text in the place of the file, whoever reads it meanwhile.
pub(crate) fn replace(file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    write(file, text, readers).with_context(|| format!("{} cannot be written", file.display()))
}

fn write(file: &Path, text: &str, readers: Readers) -> anyhow::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let before = regular(file)?;
    let mut new = NamedTempFile::new_in(folder)?;
    let mode = match (readers, &before) {
        (Readers::Everyone, _) => 0o644,
        (Readers::Owner, None) => 0o600,
        (Readers::Owner, Some(before)) => before.mode() & 0o770,
        (Readers::These(rights), _) => rights.mode,
    };
    // Who gives it away may not change its mode any more.
    new.as_file().set_permissions(Permissions::from_mode(mode))?;
    match (readers, before) {
        (Readers::Owner, Some(before)) if before.gid() != new.as_file().metadata()?.gid() => {
            fchown(new.as_file(), None, Some(before.gid())).context("its group cannot be kept")?;
        }
        (Readers::These(Rights { owner: Some((user, group)), .. }), _) => {
            fchown(new.as_file(), Some(user), Some(group)).with_context(|| {
                format!("it cannot be given to {user}:{group}: run this as that user, or with CAP_CHOWN")
            })?;
        }
        _ => {}
    }
    new.write_all(text.as_bytes())?;
    // A machine that loses its power finds the one or the other, and nothing empty.
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}

/// Whether the file is there as it would be written.
pub(crate) fn is_there(file: &Path, text: &str, readers: Readers) -> bool {
    let Ok(Some(there)) = regular(file) else { return false };
    let is_so = match readers {
        Readers::Everyone => there.mode() & 0o777 == 0o644,
        Readers::Owner => there.mode() & 0o007 == 0,
        Readers::These(Rights { mode, owner }) => {
            there.mode() & 0o7777 == mode && owner.is_none_or(|owner| owner == (there.uid(), there.gid()))
        }
    };
    // It is read only where it may be the same.
    is_so
        && there.len() == text.len() as u64
        && std::fs::read(file).is_ok_and(|there| there == text.as_bytes())
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
