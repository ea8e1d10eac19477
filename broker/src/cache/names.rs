//! What things are called in Redis.

use crate::cache::CacheKey;
use crate::id::LeaseId;

/// The names of keys and of the channel, all with the configured prefix.
#[derive(Debug)]
pub(super) struct Names {
    prefix: String,
}

impl Names {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    pub(super) fn entry(&self, key: &CacheKey) -> String {
        self.entry_of(&key.to_string())
    }

    /// The same, by the text of the key.
    pub(super) fn entry_of(&self, key: &str) -> String {
        format!("{}entry:{key}", self.prefix)
    }

    pub(super) fn lease(&self, lease: LeaseId) -> String {
        format!("{}lease:{lease}", self.prefix)
    }

    pub(super) fn evicted(&self, lease: LeaseId) -> String {
        format!("{}evicted:{lease}", self.prefix)
    }

    pub(super) fn lock(&self, key: &CacheKey) -> String {
        format!("{}lock:{key}", self.prefix)
    }

    pub(super) fn channel(&self) -> String {
        format!("{}evicted", self.prefix)
    }
}
