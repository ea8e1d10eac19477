//! `dsn-broker migrate`

use anyhow::Context;

use crate::config::Ledger;
use crate::ledger::{connect_options, migrate};

pub(super) async fn run(ledger: &Ledger) -> anyhow::Result<()> {
    let writer = connect_options(&ledger.url.read()?, ledger.ca.as_deref())?;
    let owner = match &ledger.owner_url {
        Some(url) => connect_options(&url.read()?, ledger.ca.as_deref())?,
        None => writer.clone(),
    };
    migrate(&owner, writer.get_username()).await.context("the ledger's schema is not up to date")?;
    eprintln!("the ledger's schema is up to date");
    Ok(())
}
