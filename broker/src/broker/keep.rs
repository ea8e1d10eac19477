//! The cache, with something to go on with while it is away, or full.
//!
//! While Redis does not answer, or takes nothing, this replica keeps what it mints itself; once Redis is back, it is
//! shared again. That such a credential was revoked by another replica is not heard of here, but the ledger refuses to
//! record its delivery.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::{Cache, CacheKey, Entry, LockGuard, Put};
use crate::id::LeaseId;
use crate::time::Clock;

/// The shared cache, and this replica's own for when that is away.
pub(super) struct Keep {
    shared: Arc<Cache>,
    own: Cache,
}

/// Who may make a new entry.
pub(super) enum Turn {
    /// We, until the guard is dropped; without the cache's help there is none.
    Ours(#[expect(dead_code, reason = "held, not read")] Option<LockGuard>),
    /// Another replica is at it.
    Theirs,
}

impl Keep {
    pub(super) fn new(shared: Arc<Cache>, clock: Arc<dyn Clock>) -> Self {
        Self { shared, own: Cache::local(clock) }
    }

    pub(super) async fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        match self.shared.get(key).await {
            Ok(Some(found)) => Some(found),
            Ok(None) => self.share(key).await,
            Err(_) => self.own(key).await,
        }
    }

    /// The same, past the copy that this process may still hold: what another replica has put there a moment ago.
    pub(super) async fn look(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        match self.shared.wait(key, None, Duration::ZERO).await {
            Ok(Some(found)) => Some(found),
            Ok(None) => self.share(key).await,
            Err(_) => self.own(key).await,
        }
    }

    async fn own(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        self.own.get(key).await.ok().flatten()
    }

    /// What this replica has kept for itself, shared from now on if that is possible.
    async fn share(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        let entry = self.own(key).await?;
        match self.shared.put(key, entry.clone()).await {
            Ok(Put::Kept | Put::TooLate) | Err(_) => Some(entry),
            Ok(Put::Superseded) => self.shared.get(key).await.unwrap_or(Some(entry)),
            Ok(Put::Evicted) => None,
        }
    }

    pub(super) async fn put(&self, key: &CacheKey, entry: &Arc<Entry>) {
        if self.shared.put(key, entry.clone()).await.is_err() {
            let _ = self.own.put(key, entry.clone()).await;
        }
    }

    pub(super) async fn evict(&self, lease: LeaseId) {
        let _ = self.own.evict(lease).await;
        if let Err(error) = self.shared.evict(lease).await {
            tracing::warn!(lease.id = %lease, %error, "the shared cache could not be told that a lease ends; the ledger refuses its delivery");
        }
    }

    pub(super) async fn turn(&self, key: &CacheKey) -> Turn {
        match self.shared.lock(key).await {
            Ok(Some(guard)) => Turn::Ours(Some(guard)),
            Ok(None) => Turn::Theirs,
            Err(_) => Turn::Ours(None),
        }
    }

    /// Waits for what another replica is making; `None` as soon as none is at it any more, or if it takes too long.
    pub(super) async fn wait(&self, key: &CacheKey, within: Duration) -> Option<Arc<Entry>> {
        self.shared.wait(key, None, within).await.ok().flatten()
    }
}
