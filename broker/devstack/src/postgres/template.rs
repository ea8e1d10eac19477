//! A fresh data folder.

use std::path::Path;

use anyhow::{Context as _, bail};

use super::installation::{self, Installation};
use crate::account::Account;
use crate::template::{self, Template};

/// Makes `target` a data folder of the account, with the superuser `postgres` and no password.
pub(super) fn copy(installation: &Installation, account: Account, target: &Path) -> anyhow::Result<()> {
    let template = Template {
        server: "postgres",
        described: &format!("{}\n{}\n{INITDB:?}", installation.programs.display(), installation.version),
        needed: &["PG_VERSION", "global/pg_control", "postgresql.conf"],
    };
    template.copy(account, target, |draft| {
        if !installation::is_reachable(installation)? {
            bail!("{} is closed to the servers' account", installation.programs.display());
        }
        let mut initdb = account.command(installation.programs.join("initdb"));
        template::run(initdb.args(INITDB).arg("-D").arg(draft)).context("initdb failed")
    })
}

const INITDB: &[&str] = &[
    "--username=postgres",
    "--encoding=UTF8",
    "--locale=C",
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-sync",
    "--no-instructions",
];
