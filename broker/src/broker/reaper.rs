//! Ends what is due: one loop per database, so that a dead one never slows another.
//!
//! The loops take no input: each looks at the ledger and makes it true. What was left behind by a crash
//! and what has merely expired go the same way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::engine::Site;
use crate::id::ClaimToken;
use crate::ledger::LedgerError;
use crate::model::DatabaseName;
use crate::time::Timestamp;

/// How long the reaper sleeps at most: other replicas open leases that it is not told of.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// How soon it looks again after a failure, and at what another replica has claimed.
const RETRY: Duration = Duration::from_secs(1);

/// The loops of all databases.
pub struct Reaper {
    broker: Arc<Broker>,
    stop: CancellationToken,
    loops: HashMap<DatabaseName, CancellationToken>,
    tasks: JoinSet<()>,
}

impl Reaper {
    /// No loops yet: see [`Reaper::cover`].
    pub fn new(broker: Arc<Broker>, stop: CancellationToken) -> Self {
        Self { broker, stop, loops: HashMap::new(), tasks: JoinSet::new() }
    }

    /// Starts loops for the databases that are configured now, and ends those of the others.
    pub fn cover(&mut self) {
        let sites = self.broker.sites.load_full();
        self.loops.retain(|name, stop| {
            let keep = sites.contains_key(name);
            if !keep {
                stop.cancel();
            }
            keep
        });
        for name in sites.keys() {
            if !self.loops.contains_key(name) {
                let stop = self.stop.child_token();
                self.tasks.spawn(run(self.broker.clone(), name.clone(), stop.clone()));
                self.loops.insert(name.clone(), stop);
            }
        }
    }

    /// Waits until all loops have ended.
    pub async fn join(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn run(broker: Arc<Broker>, name: DatabaseName, stop: CancellationToken) {
    loop {
        let Ok(site) = broker.site(&name) else { return };
        // From here on a wake-up counts, also one that comes while we look.
        let woken = broker.due.notified();
        let rest = match reap(&broker, &site).await {
            Ok(Rest::None) if !stop.is_cancelled() => continue,
            Ok(Rest::None) => return,
            Ok(Rest::Until(moment)) => broker.clock.sleep_until(moment),
            Err(error) => {
                tracing::warn!(database.name = %name, %error, "the reaper cannot read the ledger; it tries again");
                Box::pin(tokio::time::sleep(RETRY))
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = woken => {}
            () = rest => {}
        }
    }
}

enum Rest {
    None,
    /// Until this moment, which may be over by now.
    Until(Timestamp),
}

/// Ends what is due now, as many at once as the database takes.
async fn reap(broker: &Broker, site: &Site) -> Result<Rest, LedgerError> {
    let now = broker.clock.now();
    let token = ClaimToken::new(now, &*broker.entropy);
    // A claim outlives everything that its holder may be waiting for.
    let hold = site.timeout() * 2 + Duration::from_secs(30);
    let claimed = broker.ledger.claim_due(&site.name, site.config.concurrency, token, now, hold).await?;
    let full = claimed.len() >= usize::try_from(site.config.concurrency).unwrap_or(usize::MAX);
    let mut ends: FuturesUnordered<_> = claimed.into_iter().map(|claimed| broker.end(claimed)).collect();
    // One that could not be recorded does not cut the others short.
    let mut result = Ok(());
    while let Some(ended) = ends.next().await {
        result = result.and(ended.map(drop));
    }
    drop(ends);
    result?;
    if full {
        return Ok(Rest::None);
    }
    let next = broker.ledger.next_due(&site.name).await?;
    let lag = next.map_or(Duration::ZERO, |due| (now - due).to_std().unwrap_or_default());
    broker.metrics.reaper_lag(&site.name, lag);
    Ok(Rest::Until(match next {
        // It was due already when we claimed: it is another replica's, whose claim is waited for.
        Some(due) if due <= now => now + RETRY,
        Some(due) => due.min(now + LONGEST_SLEEP),
        None => now + LONGEST_SLEEP,
    }))
}
