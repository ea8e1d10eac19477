//! A worker with a credential of its own, which ends with it.

use std::error::Error;
use std::time::Duration;

use deadpool_postgres::Pool;
use dsn_broker_sdk::Broker;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let request = Broker::from_env()?.request("orders-writer").fresh().patience(Duration::from_secs(60));
    let keeper = request.keep().await?;
    let pool = keeper.clone().deadpool_pool(|pool| pool.max_size(4))?;
    let (mut times, mut terminate) = (interval(Duration::from_millis(100)), signal(SignalKind::terminate())?);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = times.tick() => work(&pool).await?,
        }
    }
    pool.close();
    // Nobody else has it: it need not live until its end.
    keeper.revoke().await?;
    Ok(())
}

/// Takes one order, which no other worker takes meanwhile, and makes it one larger.
async fn work(pool: &Pool) -> Result<(), Box<dyn Error>> {
    let mut client = pool.get().await?;
    let transaction = client.transaction().await?;
    let query = "select id from app.orders order by quantity limit 1 for update skip locked";
    if let Some(order) = transaction.query_opt(query, &[]).await? {
        let id: i64 = order.get(0);
        transaction.execute("update app.orders set quantity = quantity + 1 where id = $1", &[&id]).await?;
    }
    transaction.commit().await?;
    Ok(())
}
