//! What is slow to make and safe to share between runs: data folder templates, RSA keys for tests, claims on ports.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::account::{self, Account};
use crate::entropy;

/// The part of the cache named `name`, which belongs to `account`; made if it is not there.
pub(crate) fn folder(name: &str, account: Account) -> anyhow::Result<PathBuf> {
    let uid = account::own_uid()?;
    let base = temporary_base(account).join(format!("dsn-broker-devstack-{uid}"));
    make(&base, 0o711)?;
    let owner = fs::symlink_metadata(&base)?;
    if !owner.is_dir() || owner.uid() != uid || owner.mode() & 0o022 != 0 {
        bail!("{} is not a folder of ours alone: remove it", base.display());
    }
    let part = base.join(name);
    if make(&part, 0o700)? {
        account.adopt(&part)?;
    }
    Ok(part)
}

/// Where temporary folders go: the usual place, unless the servers' account cannot get there.
pub(crate) fn temporary_base(account: Account) -> PathBuf {
    let usual = std::env::temp_dir();
    if account.reaches(&usual) { usual } else { PathBuf::from("/tmp") }
}

/// Fills `target` once for all processes: `fill` works in a folder of its own, which then takes the name in one step.
///
/// When several do it at once, the first to finish wins and the others use its result.
pub(crate) fn once(
    target: &Path,
    account: Account,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let draft = target.with_extension(format!("draft-{}-{:08x}", std::process::id(), entropy::number()?));
    make(&draft, 0o700)?;
    account.adopt(&draft)?;
    let filled = fill(&draft).and_then(|()| match fs::rename(&draft, target) {
        Err(error) if !target.is_dir() => Err(error).context("the finished folder cannot take its name"),
        _ => Ok(()),
    });
    // After a success there is none, unless someone else was first.
    let _ = fs::remove_dir_all(&draft);
    filled
}

fn make(folder: &Path, mode: u32) -> anyhow::Result<bool> {
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("{} cannot be made", folder.display())),
    }
}
