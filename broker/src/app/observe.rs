//! Keeps the gauges true: what only the ledger knows is asked for now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::ledger::LedgerError;
use crate::time::sleep;

/// How often.
const EVERY: Duration = Duration::from_secs(10);
/// The most stuck revocations that are counted.
const COUNTED: u32 = 1000;

/// Asks until stopped.
pub(super) async fn run(broker: Arc<Broker>, stop: CancellationToken) {
    loop {
        broker.metrics.cache_up(broker.cache.is_up());
        let observed = observe(&broker).await;
        broker.metrics.ledger_up(observed.is_ok());
        if let Err(error) = observed {
            tracing::debug!(%error, "the gauges could not be brought up to date");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(&*broker.clock, EVERY) => {}
        }
    }
}

async fn observe(broker: &Broker) -> Result<(), LedgerError> {
    let counts = broker.ledger.live_counts().await?;
    let sites = broker.sites.load_full();
    let forgotten = |database: &str| !sites.keys().any(|name| name.as_str() == database);
    for ((database, _), count) in counts.iter().filter(|((database, _), _)| forgotten(database)) {
        tracing::error!(
            database.name = database,
            leases = count,
            "a database with leases is not in the configuration any more: put it back, so that they can be ended"
        );
    }
    let rows = counts.iter().map(|((database, state), count)| (database.as_str(), state.as_str(), *count));
    broker.metrics.leases(rows);
    for (name, site) in sites.iter() {
        let stuck = broker.ledger.stuck(name, COUNTED).await?.len();
        broker.metrics.database(name, !site.is_down(), stuck);
    }
    Ok(())
}
