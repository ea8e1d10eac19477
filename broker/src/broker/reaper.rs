//! Ends what is due: one loop per database, so that a dead one never slows another.
//!
//! The loops take no input: each looks at the ledger and makes it true. What was left behind by a crash
//! and what has merely expired go the same way.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::engine::Site;
use crate::id::ClaimToken;
use crate::ledger::{Claimed, LedgerError};
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
        let rest = match reap(&broker, &site, &stop).await {
            // This moment may be over by now.
            Ok(moment) => broker.clock.sleep_until(moment),
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

/// Ends what is due now, as many at once as the database takes; answers when to look again.
async fn reap(
    broker: &Arc<Broker>,
    site: &Arc<Site>,
    stop: &CancellationToken,
) -> Result<Timestamp, LedgerError> {
    let began = broker.clock.now();
    let at_once = usize::try_from(site.config.concurrency).unwrap_or(usize::MAX);
    // The next are claimed while the last are being ended: the database is never idle while something is due.
    let first = Some((broker.clone(), site.clone(), stop.clone()));
    let claims = stream::unfold(first, |more| async move {
        let (broker, site, stop) = more.filter(|(.., stop)| !stop.is_cancelled())?;
        let claimed = claim(&broker, &site).await;
        let full = claimed.as_ref().is_ok_and(|claimed| claimed.len() as u32 >= claim_limit(&site));
        Some((claimed, full.then_some((broker, site, stop))))
    });
    let claims = claims.flat_map(|claimed| match claimed {
        Ok(claimed) => stream::iter(claimed.into_iter().map(Ok).collect::<Vec<_>>()),
        Err(error) => stream::iter(vec![Err(error)]),
    });
    // Nor is it while what was ended is being put on record.
    let acts = claims.map(|claimed| {
        let broker = broker.clone();
        async move { Ok(broker.act(claimed?).await) }
    });
    let records = acts.buffer_unordered(at_once).map(|acted| {
        let broker = broker.clone();
        async move { broker.record_end(acted?).await.map(drop) }
    });
    let mut records = pin!(records.buffer_unordered(at_once.saturating_mul(AHEAD)));
    // One that could not be recorded does not cut the others short.
    let mut result = Ok(());
    while let Some(recorded) = records.next().await {
        result = result.and(recorded);
    }
    result?;
    let now = broker.clock.now();
    let next = broker.ledger.next_due(&site.name).await?;
    let lag = next.map_or(Duration::ZERO, |due| (now - due).to_std().unwrap_or_default());
    broker.metrics.reaper_lag(&site.name, lag);
    Ok(match next {
        // It was due already when we began: it is another replica's, whose claim is waited for.
        Some(due) if due <= began => now + RETRY,
        Some(due) => due.min(now + LONGEST_SLEEP),
        None => now + LONGEST_SLEEP,
    })
}

async fn claim(broker: &Broker, site: &Site) -> Result<Vec<Claimed>, LedgerError> {
    let now = broker.clock.now();
    let token = ClaimToken::new(now, &*broker.entropy);
    // Long enough for all of them, one after the other as far as they have to, but where the database is so slow that
    // nearly every call runs out of time: then another replica may try, too, and one of the two puts it on record.
    let hold = site.timeout() * 2 + Duration::from_secs(30);
    broker.ledger.claim_due(&site.name, claim_limit(site), token, now, hold).await
}

/// How many are claimed at once.
fn claim_limit(site: &Site) -> u32 {
    site.config.concurrency.saturating_mul(AHEAD as u32)
}

/// How many are claimed, and how many wait for their record, for each that the database works on.
const AHEAD: usize = 4;
