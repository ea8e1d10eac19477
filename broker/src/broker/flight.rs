//! One mint at a time per key, in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::broker::MintError;
use crate::cache::CacheKey;

/// How long a failure stands for all who ask for the same: those who waited for a mint that failed do not
/// each try again, one after the other.
const FAILURE_STANDS: Duration = Duration::from_secs(1);

/// The keys for which a mint is under way, or failed a moment ago.
#[derive(Default)]
pub(super) struct Flights {
    gates: Mutex<HashMap<CacheKey, Weak<AsyncMutex<()>>>>,
    failures: Mutex<HashMap<CacheKey, Failure>>,
}

struct Failure {
    stands_until: Instant,
    error: Arc<MintError>,
}

/// The right to mint for a key, until dropped.
pub(super) type Flight = OwnedMutexGuard<()>;

impl Flights {
    /// Waits until nobody else mints for `key`.
    pub(super) async fn enter(&self, key: &CacheKey) -> Flight {
        self.gate(key).lock_owned().await
    }

    /// Enters if nobody else mints for `key`.
    pub(super) fn try_enter(&self, key: &CacheKey) -> Option<Flight> {
        self.gate(key).try_lock_owned().ok()
    }

    /// How the mint for `key` failed, if that was a moment ago.
    pub(super) fn failure(&self, key: &CacheKey) -> Option<Arc<MintError>> {
        let failures = locked(&self.failures);
        let failure = failures.get(key).filter(|failure| Instant::now() < failure.stands_until);
        failure.map(|failure| failure.error.clone())
    }

    /// The mint for `key` failed.
    pub(super) fn fail(&self, key: &CacheKey, error: &Arc<MintError>) {
        let now = Instant::now();
        let mut failures = locked(&self.failures);
        if failures.len() == failures.capacity() {
            failures.retain(|_, failure| now < failure.stands_until);
        }
        failures.insert(*key, Failure { stands_until: now + FAILURE_STANDS, error: error.clone() });
    }

    fn gate(&self, key: &CacheKey) -> Arc<AsyncMutex<()>> {
        let mut gates = locked(&self.gates);
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
