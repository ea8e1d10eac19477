//! Files that only their owner reads, written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use dsn_broker_sdk::{Broker, Request};
use tempfile::{Builder, NamedTempFile, TempDir};

use crate::Wanted;

/// Puts a text in the place of the file, whoever reads it meanwhile.
pub(crate) fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", file.display());
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = NamedTempFile::new_in(folder).with_context(cannot)?;
    new.write_all(text.as_bytes()).with_context(cannot)?;
    new.persist(file).with_context(cannot)?;
    Ok(())
}

/// A folder in memory, where the machine has one, that goes with the process.
pub(crate) fn folder() -> anyhow::Result<TempDir> {
    let places = [std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), Some(PathBuf::from("/dev/shm"))];
    let place = places.into_iter().flatten().find(|place| place.is_dir());
    let folder = Builder::new().prefix("dsn-").tempdir_in(place.unwrap_or_else(std::env::temp_dir));
    folder.context("there is no place for the database's CA")
}

/// The request for a role, with its database's CA in this folder where that is a private one.
pub(crate) async fn request(
    broker: &Broker,
    wanted: &Wanted,
    role: &str,
    folder: &Path,
) -> anyhow::Result<Request> {
    let request = wanted.request(broker, role);
    let Some(pem) = request.clone().format("json").get().await?.ca_pem().map(str::to_owned) else {
        return Ok(request);
    };
    let file = folder.join(format!("{role}.pem"));
    replace(&file, &pem)?;
    Ok(request.ca_file(file.to_str().context("the path of the CA is not UTF-8")?))
}
