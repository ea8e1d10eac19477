//! Copies in this process of what lies in Redis: good for a few seconds and one connection.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::cache::link::Generation;
use crate::cache::{CacheKey, Entry};
use crate::time::Timestamp;

/// The copies, a bounded number.
pub(super) struct Copies(Cache<CacheKey, Copy>);

#[derive(Clone)]
struct Copy {
    entry: Arc<Entry>,
    /// The connection on which it was read: revocations were heard only while that one was up.
    generation: Generation,
    until: Timestamp,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self(Cache::new(MOST))
    }

    pub(super) fn get(&self, key: &CacheKey, generation: Generation, now: Timestamp) -> Option<Arc<Entry>> {
        let copy = self.0.get(key)?;
        (copy.generation == generation && copy.until > now).then_some(copy.entry)
    }

    pub(super) fn insert(&self, key: CacheKey, entry: Arc<Entry>, generation: Generation, now: Timestamp) {
        let until = entry.good_until().min(now + LIFE);
        self.0.insert(key, Copy { entry, generation, until });
    }

    pub(super) fn remove(&self, key: &CacheKey) {
        self.0.remove(key);
    }
}

const LIFE: Duration = Duration::from_secs(3);

const MOST: usize = 10_000;
