//! Evictions: those that were heard of a moment ago, and those that Redis has still to be told.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use redis::cmd;

use crate::cache::link::{Line, Live};
use crate::cache::marks::Marks;
use crate::cache::names::Names;
use crate::cache::{CacheError, scripts};
use crate::id::LeaseId;
use crate::time::Clock;

/// What this replica knows of evicted leases.
pub(super) struct Evictions {
    names: Arc<Names>,
    clock: Arc<dyn Clock>,
    heard: Marks,
    owed: Mutex<HashSet<LeaseId>>,
}

impl Evictions {
    pub(super) fn new(names: Arc<Names>, clock: Arc<dyn Clock>) -> Self {
        Self { names, clock, heard: Marks::new(MEMORY), owed: Mutex::default() }
    }

    /// Where replicas tell each other.
    pub(super) fn channel(&self) -> String {
        self.names.channel()
    }

    /// Takes a message of another replica, or our own.
    pub(super) fn hear(&self, message: &[u8]) {
        match std::str::from_utf8(message).ok().and_then(|text| text.parse().ok()) {
            Some(lease) => self.heard.mark(lease, self.clock.now()),
            None => tracing::warn!("a message on the cache's channel names no lease and was not heeded"),
        }
    }

    /// Whether the lease was evicted lately.
    pub(super) fn has_heard_of(&self, lease: LeaseId) -> bool {
        self.heard.contains(lease)
    }

    /// From here on this replica does not hand the lease out, and Redis has to be told.
    pub(super) fn owe(&self, lease: LeaseId) {
        self.heard.mark(lease, self.clock.now());
        self.owed().insert(lease);
    }

    /// Tells Redis about one lease. What does not succeed remains owed.
    pub(super) async fn pay(&self, line: &Line, live: &Live, lease: LeaseId) -> Result<(), CacheError> {
        // Marked anew: until Redis knows, the entry may be read from there.
        self.heard.mark(lease, self.clock.now());
        let evicted = self.names.evicted(lease);
        let life = u64::try_from(LONGEST_PUT.as_millis()).unwrap_or(u64::MAX);
        line.ask_on::<()>(live, cmd("SET").arg(evicted).arg("").arg("PX").arg(life)).await?;
        let key: Option<String> = line.ask_on(live, cmd("GET").arg(self.names.lease(lease))).await?;
        if let Some(key) = key {
            let place = self.names.entry_of(&key);
            let mut remove = cmd("EVAL");
            remove.arg(scripts::REMOVE_LEASE).arg(1).arg(place).arg(lease.to_string());
            line.ask_on::<()>(live, &remove).await?;
        }
        line.ask_on::<()>(live, cmd("PUBLISH").arg(self.channel()).arg(lease.to_string())).await?;
        self.owed().remove(&lease);
        Ok(())
    }

    /// Tells Redis all that it has still to be told. A refusal is logged and tried again later.
    pub(super) async fn pay_all(&self, line: &Line, live: &Live) -> Result<(), CacheError> {
        let owed: Vec<LeaseId> = self.owed().iter().copied().collect();
        stream::iter(owed)
            .map(|lease| async move {
                match self.pay(line, live, lease).await {
                    Err(CacheError::Refused { answer }) => {
                        tracing::error!(lease.id = %lease, answer, "Redis refuses to forget a revoked lease");
                        Ok(())
                    }
                    other => other,
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    fn owed(&self) -> MutexGuard<'_, HashSet<LeaseId>> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long an eviction is remembered here: longer than a copy lives, and longer than any read is under way.
const MEMORY: Duration = Duration::from_secs(60);

/// How long Redis remembers an eviction: longer than any put is under way.
pub(super) const LONGEST_PUT: Duration = Duration::from_secs(600);

const AT_ONCE: usize = 64;
