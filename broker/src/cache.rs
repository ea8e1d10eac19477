//! Where issued credentials wait to be handed out again: sealed in Redis for all replicas, or in this process.
//!
//! Guaranteed:
//! - What lies in Redis is sealed and bound to its key; changed or moved, it counts as not there.
//! - An entry is gone [`MARGIN`] before its credential ends, and an older one never replaces a newer one.
//! - After [`Cache::evict`] no replica that hears Redis hands the lease out, and a put that was on its way
//!   does not bring it back.
//! - Nothing waits for a Redis that is down: from the first failure on, every call fails at once, until the
//!   connection is back. It comes back by itself.
//!
//! Not guaranteed: that a replica which is cut off from Redis, or whose Redis failed over and lost its last
//! writes, knows of a revocation. The ledger knows: a delivery has to be refused there too.

mod connection;
mod copies;
mod entry;
mod error;
mod evictions;
mod key;
mod link;
mod local;
mod lock;
mod marks;
mod names;
mod pause;
mod scripts;
mod shared;

use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::entropy::Entropy;
use crate::id::LeaseId;
use crate::seal::Sealer;
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

pub use entry::{Entry, Put};
pub use error::CacheError;
pub use key::CacheKey;
pub use lock::LockGuard;

use local::Local;
use shared::Shared;

/// How long before its credential ends an entry is gone.
pub const MARGIN: Duration = Duration::from_secs(5);

/// Issued credentials by what they were issued for.
#[derive(Debug)]
pub struct Cache {
    store: Store,
}

#[derive(Debug)]
enum Store {
    Redis(Box<Shared>),
    Local(Local),
}

impl Cache {
    /// The cache that the configuration describes; `url` is what its `url` refers to.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be used. A Redis that is down is not an error: it may come up later.
    pub async fn connect(
        config: &config::Cache,
        url: Option<Secret>,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CacheError> {
        match config {
            config::Cache::Local(_) => Ok(Self::local(clock)),
            config::Cache::Redis(redis) => {
                let url = url.ok_or(CacheError::NoUrl)?;
                let shared = Shared::connect(redis, &url, sealer, clock, entropy).await?;
                Ok(Self { store: Store::Redis(Box::new(shared)) })
            }
        }
    }

    /// A cache in this process alone.
    pub fn local(clock: Arc<dyn Clock>) -> Self {
        Self { store: Store::Local(Local::new(clock)) }
    }

    /// What is there for `key`, while it is good for at least [`MARGIN`].
    pub async fn get(&self, key: &CacheKey) -> Result<Option<Arc<Entry>>, CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.get(key).await,
            Store::Local(local) => Ok(local.get(key)),
        }
    }

    /// Keeps `entry` for `key`, unless a newer one is there or its lease was evicted.
    pub async fn put(&self, key: &CacheKey, entry: Arc<Entry>) -> Result<Put, CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.put(key, entry).await,
            Store::Local(local) => Ok(local.put(key, entry)),
        }
    }

    /// Forgets what is there for `key`. Other replicas may still hand it out for a few seconds: to end a
    /// lease, [`Cache::evict`] it.
    pub async fn remove(&self, key: &CacheKey) -> Result<(), CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.remove(key).await,
            Store::Local(local) => {
                local.remove(key);
                Ok(())
            }
        }
    }

    /// Forgets a lease, wherever it is: call it before the credential is ended.
    ///
    /// # Errors
    ///
    /// When Redis is down. This replica has forgotten the lease even then, and evicts it from Redis before it
    /// uses Redis again.
    pub async fn evict(&self, lease: LeaseId) -> Result<(), CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.evict(lease).await,
            Store::Local(local) => {
                local.evict(lease);
                Ok(())
            }
        }
    }

    /// Asks to be the one replica that makes a new entry for `key`: `None` if another one is at it.
    ///
    /// The lock ends when the guard is dropped, and if this process dies, two seconds later. In-process callers are
    /// not told apart: they have to agree among themselves first.
    pub async fn lock(&self, key: &CacheKey) -> Result<Option<LockGuard>, CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.lock(key).await,
            Store::Local(_) => Ok(Some(LockGuard::unshared())),
        }
    }

    /// Waits while another replica holds the lock for `key`, at most for `within`: the entry that is there
    /// then, if it was issued after `newer_than`. `None` means to try for the lock again, or that the time is over.
    pub async fn wait(
        &self,
        key: &CacheKey,
        newer_than: Option<Timestamp>,
        within: Duration,
    ) -> Result<Option<Arc<Entry>>, CacheError> {
        match &self.store {
            Store::Redis(shared) => shared.wait(key, newer_than, within).await,
            Store::Local(local) => Ok(local.get(key).filter(|entry| entry.is_newer_than(newer_than))),
        }
    }

    /// Whether it can be used at present.
    pub fn is_up(&self) -> bool {
        match &self.store {
            Store::Redis(shared) => shared.is_up(),
            Store::Local(_) => true,
        }
    }
}
