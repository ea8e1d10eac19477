//! Looks for users of ours that no lease accounts for.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, name};
use crate::config::SweepMode;
use crate::engine::{EngineError, Sessions, Site};
use crate::ledger::{Entry, LedgerError};
use crate::model::{Action, DatabaseName, Event, Handle};
use crate::time::{Timestamp, sleep};

/// How often it is looked whether a database's turn has come.
const TICK: Duration = Duration::from_secs(15);

/// What was found at each database the last time.
pub type Orphans = BTreeMap<DatabaseName, Vec<String>>;

/// The search, over all databases in turn.
pub struct Sweeper {
    broker: Arc<Broker>,
    found: Mutex<Orphans>,
}

/// Why a search failed.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The database.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Sweeper {
    /// A search that has found nothing yet.
    pub fn new(broker: Arc<Broker>) -> Arc<Self> {
        Arc::new(Self { broker, found: Mutex::default() })
    }

    /// What was found at `database` the last time.
    pub fn found(&self, database: &DatabaseName) -> Vec<String> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.get(database).cloned().unwrap_or_default()
    }

    /// Searches each database when its time comes, until stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut last: BTreeMap<DatabaseName, Timestamp> = BTreeMap::new();
        let mut under_way: BTreeMap<DatabaseName, JoinHandle<()>> = BTreeMap::new();
        loop {
            let now = self.broker.clock.now();
            for (name, site) in self.broker.sites.load_full().iter() {
                let due = last.get(name).is_none_or(|last| *last + site.config.sweep.every.0 <= now);
                // One at a time: two would both record what they find.
                if due && under_way.get(name).is_none_or(JoinHandle::is_finished) {
                    last.insert(name.clone(), now);
                    // Each in a task of its own: one that hangs keeps nobody.
                    let (sweeper, site) = (self.clone(), site.clone());
                    let task = self.broker.tasks.spawn(async move {
                        if let Err(error) = sweeper.sweep(&site).await {
                            tracing::warn!(database.name = %site.name, %error, "orphans could not be looked for");
                        }
                    });
                    under_way.insert(name.clone(), task);
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(&*self.broker.clock, TICK) => {}
            }
        }
    }

    /// Searches one database now; answers the users that no lease accounts for.
    pub async fn sweep(&self, site: &Site) -> Result<Vec<String>, SweepError> {
        let prefix = name::prefix(self.broker.tag().await?);
        let candidates = self.unaccounted(site, &prefix).await?;
        // A lease that ended between the two questions looks like an orphan; its user is gone at the second look.
        let orphans = if candidates.is_empty() {
            candidates
        } else {
            let still_there: HashSet<String> =
                site.call(site.engine.list(&prefix)).await?.into_iter().collect();
            candidates.into_iter().filter(|user| still_there.contains(user)).collect()
        };
        let known = self.found(&site.name);
        let mut left = Vec::new();
        for user in &orphans {
            if site.config.sweep.mode == SweepMode::Remove {
                match self.remove(site, user).await {
                    Ok(()) => continue,
                    // It keeps none of the others.
                    Err(SweepError::Engine(error)) => {
                        tracing::error!(database.name = %site.name, user, %error, "an orphan could not be removed");
                    }
                    Err(error) => return Err(error),
                }
            }
            if !known.contains(user) {
                self.record(site, Action::OrphanFound, user).await?;
            }
            left.push(user.clone());
        }
        self.broker.metrics.orphans(&site.name, left.len());
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(site.name.clone(), left);
        Ok(orphans)
    }

    async fn unaccounted(&self, site: &Site, prefix: &str) -> Result<Vec<String>, SweepError> {
        let users = site.call(site.engine.list(prefix)).await?;
        let accounted: HashSet<String> =
            self.broker.ledger.accounted_for(&site.name, &users).await?.into_iter().collect();
        Ok(users.into_iter().filter(|user| !accounted.contains(user)).collect())
    }

    async fn remove(&self, site: &Site, user: &str) -> Result<(), SweepError> {
        let handle = Handle { databases: vec![site.config.dbname.clone()], ..Handle::of(user) };
        site.call(site.engine.remove(&handle, Sessions::End)).await?;
        self.record(site, Action::OrphanRemoved, user).await
    }

    async fn record(&self, site: &Site, action: Action, user: &str) -> Result<(), SweepError> {
        tracing::warn!(database.name = %site.name, user, "{}: a user that no lease accounts for", action.as_str());
        let mut event = Event::new(self.broker.clock.now(), action).with("username", user);
        event.database = Some(site.name.clone());
        let _ = self.broker.ledger.write(Entry::events([event])).await?;
        Ok(())
    }
}
