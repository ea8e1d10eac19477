//! One mint at a time per key, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::cache::CacheKey;

/// The keys for which a mint is under way.
#[derive(Default)]
pub(super) struct Flights(Mutex<HashMap<CacheKey, Weak<AsyncMutex<()>>>>);

impl Flights {
    /// Waits until nobody else mints for `key`.
    pub(super) async fn enter(&self, key: &CacheKey) -> OwnedMutexGuard<()> {
        self.gate(key).lock_owned().await
    }

    /// Enters if nobody else mints for `key`.
    pub(super) fn try_enter(&self, key: &CacheKey) -> Option<OwnedMutexGuard<()>> {
        self.gate(key).try_lock_owned().ok()
    }

    fn gate(&self, key: &CacheKey) -> Arc<AsyncMutex<()>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(key).and_then(Weak::upgrade) {
            return gate;
        }
        // Gates that nobody holds are swept when the map would grow.
        if gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.strong_count() > 0);
        }
        let gate = Arc::new(AsyncMutex::new(()));
        gates.insert(*key, Arc::downgrade(&gate));
        gate
    }
}
