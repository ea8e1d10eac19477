//! The store in Redis, with copies in this process.
//!
//! | Key | Holds | Ends |
//! |---|---|---|
//! | `entry:<key>` | a hash of `lease`, `issued` and `sealed`; the first two are only compared | before the credential |
//! | `lease:<id>` | the key of the lease's entry | with the entry |
//! | `evicted:<id>` | nothing: the lease was evicted | when no put can be under way any more |
//! | `lock:<key>` | the token of the replica that makes the next entry | when it is released, or soon after its holder's end |
//!
//! A put writes index and entry, and then looks whether the lease was evicted; an eviction says so, and then
//! looks for index and entry. So whichever comes second sees the other, also across the nodes of a Cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::Instant;

use crate::cache::connection::Dialer;
use crate::cache::copies::Copies;
use crate::cache::evictions::Evictions;
use crate::cache::link::{Line, Link};
use crate::cache::names::Names;
use crate::cache::pause::Pause;
use crate::cache::{CacheError, CacheKey, Entry, LockGuard, Put, scripts};
use crate::config;
use crate::entropy::{Entropy, bytes};
use crate::id::LeaseId;
use crate::seal::{OpenError, Sealed, Sealer};
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

/// Entries in Redis.
pub(super) struct Shared {
    link: Link,
    evictions: Arc<Evictions>,
    names: Arc<Names>,
    copies: Copies,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Shared {
    pub(super) async fn connect(
        config: &config::RedisCache,
        url: &Secret,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, CacheError> {
        let dialer = Dialer::new(config, url).await?;
        let names = Arc::new(Names::new(&config.prefix));
        let evictions = Arc::new(Evictions::new(Arc::clone(&names), Arc::clone(&clock)));
        let (heard, chance) = (Arc::clone(&evictions), Arc::clone(&entropy));
        let link = Link::start(dialer, heard, config.timeout.0, chance).await;
        Ok(Self { link, evictions, names, copies: Copies::new(), sealer, clock, entropy })
    }

    pub(super) fn is_up(&self) -> bool {
        self.line().generation().is_some()
    }

    pub(super) async fn get(&self, key: &CacheKey) -> Result<Option<Arc<Entry>>, CacheError> {
        let generation = self.line().generation().ok_or(CacheError::Unavailable)?;
        let copy = self.copies.get(key, generation, self.clock.now());
        match copy.filter(|entry| !self.evictions.has_heard_of(entry.lease)) {
            Some(entry) => Ok(Some(entry)),
            None => self.fetch(key).await,
        }
    }

    pub(super) async fn put(&self, key: &CacheKey, entry: Arc<Entry>) -> Result<Put, CacheError> {
        if self.evictions.has_heard_of(entry.lease) {
            return Ok(Put::Evicted);
        }
        let now = self.clock.now();
        let Some(life) = life(&entry, now) else { return Ok(Put::TooLate) };
        let generation = self.line().generation().ok_or(CacheError::Unavailable)?;
        let index = self.names.lease(entry.lease);
        self.ask::<()>(cmd("SET").arg(index).arg(key.to_string()).arg("PX").arg(life)).await?;
        if !self.write(key, &entry, life).await? {
            return Ok(Put::Superseded);
        }
        if self.ask(cmd("EXISTS").arg(self.names.evicted(entry.lease))).await? {
            let lease = entry.lease.to_string();
            let place = self.names.entry(key);
            self.ask::<()>(cmd("EVAL").arg(scripts::REMOVE_LEASE).arg(1).arg(place).arg(lease)).await?;
            return Ok(Put::Evicted);
        }
        self.copies.insert(*key, entry, generation, now);
        Ok(Put::Kept)
    }

    pub(super) async fn remove(&self, key: &CacheKey) -> Result<(), CacheError> {
        self.copies.remove(key);
        self.ask(cmd("DEL").arg(self.names.entry(key))).await
    }

    pub(super) async fn evict(&self, lease: LeaseId) -> Result<(), CacheError> {
        // Owed from the start: if this future is dropped half-way, the next heartbeat finishes it.
        self.evictions.owe(lease);
        let live = self.line().live().ok_or(CacheError::Unavailable)?;
        self.evictions.pay(self.line(), &live, lease).await
    }

    pub(super) async fn lock(&self, key: &CacheKey) -> Result<Option<LockGuard>, CacheError> {
        let token = format!("{:032x}", u128::from_le_bytes(bytes(self.entropy.as_ref())));
        LockGuard::take(Arc::clone(self.line()), self.names.lock(key), token).await
    }

    pub(super) async fn wait(
        &self,
        key: &CacheKey,
        newer_than: Option<Timestamp>,
        within: Duration,
    ) -> Result<Option<Arc<Entry>>, CacheError> {
        let deadline = Instant::now() + within;
        let mut pause = Pause::new(Duration::from_millis(10), Duration::from_millis(250));
        loop {
            // In this order: who releases the lock has put the entry before.
            let locked: bool = self.ask(cmd("EXISTS").arg(self.names.lock(key))).await?;
            let found = self.fetch(key).await?.filter(|entry| entry.is_newer_than(newer_than));
            let next = Instant::now() + pause.next(self.entropy.as_ref());
            if found.is_some() || !locked || next > deadline {
                return Ok(found);
            }
            tokio::time::sleep_until(next).await;
        }
    }

    async fn write(&self, key: &CacheKey, entry: &Entry, life: u64) -> Result<bool, CacheError> {
        let place = self.names.entry(key);
        let sealed = entry.seal(&self.sealer, place.as_bytes(), self.entropy.as_ref());
        let mut put = cmd("EVAL");
        put.arg(scripts::PUT).arg(1).arg(place).arg(entry.lease.to_string());
        put.arg(entry.times.issued_at.timestamp_micros()).arg(sealed.as_bytes()).arg(life);
        self.ask(&put).await
    }

    async fn fetch(&self, key: &CacheKey) -> Result<Option<Arc<Entry>>, CacheError> {
        let generation = self.line().generation().ok_or(CacheError::Unavailable)?;
        let place = self.names.entry(key);
        let sealed: Option<Vec<u8>> = self.ask(cmd("HGET").arg(&place).arg("sealed")).await?;
        let Some(sealed) = sealed else { return Ok(None) };
        let entry = match Entry::open(&Sealed::from_bytes(sealed), &self.sealer, place.as_bytes()) {
            Ok(entry) => Arc::new(entry),
            Err(error) => return self.pass_over(&place, error).await.map(|()| None),
        };
        let now = self.clock.now();
        // The eviction may have been heard while the answer was under way.
        if self.evictions.has_heard_of(entry.lease) || !entry.is_good(now) {
            return Ok(None);
        }
        self.copies.insert(*key, Arc::clone(&entry), generation, now);
        Ok(Some(entry))
    }

    /// An entry that does not open counts as not there.
    async fn pass_over(&self, place: &str, error: OpenError) -> Result<(), CacheError> {
        tracing::warn!(cache.key = place, %error, "an entry of the cache does not open and is passed over");
        match error {
            // Another replica may be ahead of us in a change of keys.
            OpenError::UnknownKey => Ok(()),
            OpenError::Tampered | OpenError::Malformed => self.ask(cmd("DEL").arg(place)).await,
        }
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        self.line().ask(command).await
    }

    fn line(&self) -> &Arc<Line> {
        self.link.line()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("link", &self.link).finish_non_exhaustive()
    }
}

/// How long `entry` is kept, in milliseconds; `None` if that is not worth it.
fn life(entry: &Entry, now: Timestamp) -> Option<u64> {
    let life = (entry.good_until() - now).to_std().ok()?;
    (life >= SHORTEST).then(|| millis(life))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const SHORTEST: Duration = Duration::from_secs(1);
