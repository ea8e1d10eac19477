//! The account that servers run under: ours, or `nobody` when we are root, because Postgres refuses root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// Whose files and processes they are to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// The account of this process.
    Own,
    /// Another, unprivileged one.
    Unprivileged { uid: u32, gid: u32 },
}

impl Account {
    /// The account for servers.
    pub(crate) fn of_servers() -> anyhow::Result<Self> {
        if own_uid()? != 0 {
            return Ok(Self::Own);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = passwd.lines().find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        });
        let (uid, gid) = ids.unwrap_or((65534, 65534));
        Ok(Self::Unprivileged { uid, gid })
    }

    /// A command that will run under this account.
    pub(crate) fn command(self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        // The present folder may be closed to the other account.
        command.current_dir("/");
        if let Self::Unprivileged { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Its user and group.
    pub(crate) fn ids(self) -> anyhow::Result<(u32, u32)> {
        match self {
            Self::Own => {
                let own = fs::metadata("/proc/self").context("/proc is needed")?;
                Ok((own.uid(), own.gid()))
            }
            Self::Unprivileged { uid, gid } => Ok((uid, gid)),
        }
    }

    /// Makes this account the owner of `path`.
    pub(crate) fn adopt(self, path: &Path) -> anyhow::Result<()> {
        match self {
            Self::Own => Ok(()),
            Self::Unprivileged { uid, gid } => chown(path, Some(uid), Some(gid))
                .with_context(|| format!("{} cannot be given to uid {uid}", path.display())),
        }
    }

    /// Whether this account can go into `folder`: another one needs every folder above to be open.
    pub(crate) fn reaches(self, folder: &Path) -> bool {
        match self {
            Self::Own => folder.is_dir(),
            Self::Unprivileged { .. } => folder
                .ancestors()
                .all(|part| part.metadata().is_ok_and(|m| m.permissions().mode() & 0o001 != 0)),
        }
    }
}

/// The user that this process acts as.
pub(crate) fn own_uid() -> anyhow::Result<u32> {
    Account::Own.ids().map(|(uid, _)| uid)
}
