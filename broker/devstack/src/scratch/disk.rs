//! A disk for one server alone, small enough to be filled: a `tmpfs` in a mount namespace that nobody else is in.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::account::{self, Account};

/// The guard's command, to be run under this account; with a disk of so many bytes in its namespace, if one is wanted.
pub(super) fn run<'a>(
    mut guard: impl Iterator<Item = &'a OsStr>,
    folder: &Path,
    account: Account,
    disk: Option<u64>,
) -> anyhow::Result<Command> {
    let Some(bytes) = disk else {
        let mut command = account.command(guard.next().context("there is no command")?);
        command.args(guard);
        return Ok(command);
    };
    let (uid, gid) = account.ids()?;
    let (mut command, becomes) = Namespace::find(account)?.command(account);
    command.args(["sh", "-c", WITH_DISK, "devstack-disk"]).arg(folder);
    command.args([bytes, u64::from(uid), u64::from(gid)].map(|number| number.to_string()));
    command.args(becomes).args(guard);
    Ok(command)
}

/// How this machine lets us have mounts of our own.
#[derive(Clone, Copy, Debug)]
enum Namespace {
    /// We are root, with the right to mount: the server's account is taken on afterwards.
    OfRoot,
    /// Anyone may, in a user namespace.
    OfUser,
}

impl Namespace {
    fn find(account: Account) -> anyhow::Result<Self> {
        let mut failures = String::new();
        for (namespace, possible) in [(Self::OfRoot, account::own_uid()? == 0), (Self::OfUser, true)] {
            if !possible {
                continue;
            }
            let (mut command, _) = namespace.command(account);
            command.args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"]).stdin(Stdio::null());
            match command.output() {
                Ok(output) if output.status.success() => return Ok(namespace),
                Ok(output) => failures += &String::from_utf8_lossy(&output.stderr),
                Err(error) => failures += &error.to_string(),
            }
        }
        bail!(
            "this machine lets us have no disk of our own (in a container: --cap-add SYS_ADMIN, or user namespaces): \
             {failures}"
        )
    }

    /// What runs a command there, and the words in front of one that is to run under the account.
    fn command(self, account: Account) -> (Command, Vec<String>) {
        match (self, account) {
            (Self::OfRoot, Account::Unprivileged { uid, gid }) => {
                let mut command = Account::Own.command("unshare");
                command.arg("--mount");
                let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={gid}"));
                (command, ["setpriv", &uid, &gid, "--clear-groups", "--"].map(str::to_owned).to_vec())
            }
            _ => {
                let mut command = account.command("unshare");
                command.args(["--user", "--map-current-user", "--keep-caps", "--mount"]);
                (command, Vec::new())
            }
        }
    }
}

const WITH_DISK: &str = include_str!("with_disk.sh");
