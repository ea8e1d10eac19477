//! A job that migrates a database: with a role that may, and a credential that lives no longer than the job.

use std::error::Error;
use std::time::Duration;

use dsn_broker_sdk::{Broker, Connect as _};
use sqlx::migrate::Migrator;
use sqlx::{Connection as _, PgConnection, Postgres};

static MIGRATOR: Migrator = sqlx::migrate!("examples/migrations");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let broker = Broker::from_env()?;
    let request = broker.request("orders-migrator").ttl(Duration::from_secs(600));
    let dsn = request.patience(Duration::from_secs(60)).get().await?;
    let mut connection = PgConnection::connect_with(&Postgres::options(&dsn)?).await?;
    // Its users own nothing: what is made here is the owner's, as the role says.
    let migrated = MIGRATOR.run(&mut connection).await;
    connection.close().await?;
    broker.revoke(dsn.lease_id()).await?;
    Ok(migrated?)
}
