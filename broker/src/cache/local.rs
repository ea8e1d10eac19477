//! The store in this process alone.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::cache::evictions::LONGEST_PUT;
use crate::cache::marks::Marks;
use crate::cache::{CacheKey, Entry, Put};
use crate::id::LeaseId;
use crate::time::{Clock, Timestamp};

/// Entries in the memory of this process.
pub(super) struct Local {
    clock: Arc<dyn Clock>,
    evicted: Marks,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_key: HashMap<CacheKey, Arc<Entry>>,
    keys: HashMap<LeaseId, CacheKey>,
}

impl Local {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, evicted: Marks::new(LONGEST_PUT), entries: Mutex::default() }
    }

    pub(super) fn get(&self, key: &CacheKey) -> Option<Arc<Entry>> {
        let now = self.clock.now();
        self.entries().by_key.get(key).filter(|entry| entry.is_good(now)).cloned()
    }

    pub(super) fn put(&self, key: &CacheKey, entry: Arc<Entry>) -> Put {
        let now = self.clock.now();
        if !entry.is_good(now) {
            return Put::TooLate;
        }
        let mut entries = self.entries();
        // Asked under the lock, under which evictions are marked, too.
        if self.evicted.contains(entry.lease) {
            return Put::Evicted;
        }
        if entries.by_key.get(key).is_some_and(|there| there.is_newer_than(Some(entry.times.issued_at))) {
            return Put::Superseded;
        }
        entries.insert(*key, entry, now);
        Put::Kept
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        self.entries().remove(key);
    }

    pub(super) fn evict(&self, lease: LeaseId) {
        let mut entries = self.entries();
        self.evicted.mark(lease, self.clock.now());
        if let Some(key) = entries.keys.get(&lease).copied() {
            entries.remove(&key);
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl Entries {
    fn insert(&mut self, key: CacheKey, entry: Arc<Entry>, now: Timestamp) {
        // Only when the map would grow: what has ended goes, and there are never many more than are alive.
        if self.by_key.len() == self.by_key.capacity() {
            self.by_key.retain(|_, entry| entry.is_good(now));
            let Self { by_key, keys } = self;
            keys.retain(|_, key| by_key.contains_key(key));
        }
        self.remove(&key);
        self.keys.insert(entry.lease, key);
        self.by_key.insert(key, entry);
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some(entry) = self.by_key.remove(key) {
            self.keys.remove(&entry.lease);
        }
    }
}
