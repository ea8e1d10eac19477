//! The command itself, put where images have none.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tempfile::NamedTempFile;

/// Install the command.
#[derive(Args)]
pub(crate) struct Install {
    /// The file. It is replaced whole, and all may run it.
    path: PathBuf,
}

impl Install {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        self.copy().with_context(|| format!("{} cannot be written", self.path.display()))
    }

    fn copy(&self) -> anyhow::Result<()> {
        let path = std::path::absolute(&self.path)?;
        let mut new = NamedTempFile::new_in(path.parent().context("name the file itself")?)?;
        // Also where the file that runs was replaced meanwhile.
        std::io::copy(&mut File::open("/proc/self/exe")?, &mut new)?;
        new.as_file().set_permissions(Permissions::from_mode(0o755))?;
        new.as_file().sync_all()?;
        new.persist(path)?;
        Ok(())
    }
}
