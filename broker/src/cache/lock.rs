//! The lock on a key. It lasts for a moment, and its holder extends it for as long as it is held: however long the
//! work takes nobody else begins it, and if the holder dies the others wait for that moment only.

use std::sync::Arc;
use std::time::Duration;

use redis::FromRedisValue;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::task::AbortOnDropHandle;

use crate::cache::CacheError;
use crate::cache::link::Line;
use crate::cache::scripts;

/// How long a lock lasts after its holder was last heard of.
const LIFE: Duration = Duration::from_secs(2);
/// How often it is extended: two attempts may be lost, and one may come late.
const EXTEND_EVERY: Duration = Duration::from_millis(500);

/// The right to make the new entry for a key, until dropped.
///
/// A holder that cannot reach Redis for longer than the lock lasts has lost it, and is not told.
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard {
    held: Option<Held>,
}

struct Held {
    lock: Arc<Lock>,
    extender: AbortOnDropHandle<()>,
}

struct Lock {
    line: Arc<Line>,
    name: String,
    /// What tells this holder from the next one.
    token: String,
}

impl LockGuard {
    pub(super) fn unshared() -> Self {
        Self { held: None }
    }

    /// Takes the lock of this name, unless somebody has it.
    pub(super) async fn take(
        line: Arc<Line>,
        name: String,
        token: String,
    ) -> Result<Option<Self>, CacheError> {
        let lock = Arc::new(Lock { line, name, token });
        if !lock.take().await? {
            return Ok(None);
        }
        let extender = AbortOnDropHandle::new(tokio::spawn(lock.clone().extend_on_and_on()));
        Ok(Some(Self { held: Some(Held { lock, extender }) }))
    }

    /// Releases the lock, and returns when that is done. Redis being down is no matter: the lock ends by itself.
    pub async fn release(mut self) {
        if let Some(held) = self.held.take() {
            held.end().release().await;
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let Some(lock) = self.held.take().map(Held::end) else { return };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { lock.release().await });
        }
    }
}

impl std::fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard").field("name", &self.held.as_ref().map(|held| &held.lock.name)).finish()
    }
}

impl Held {
    /// Extends it no more. An extension that is under way finds it released, and does nothing.
    fn end(self) -> Arc<Lock> {
        self.extender.abort();
        self.lock
    }
}

impl Lock {
    async fn take(&self) -> Result<bool, CacheError> {
        let mut command = redis::cmd("SET");
        command.arg(&self.name).arg(&self.token).arg("NX").arg("PX").arg(life());
        Ok(self.line.ask::<Option<String>>(&command).await?.is_some())
    }

    /// Until it is another's, or gone: it is not taken back then, for another one may have been at it since.
    async fn extend_on_and_on(self: Arc<Self>) {
        let mut times = interval_at(Instant::now() + EXTEND_EVERY, EXTEND_EVERY);
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            times.tick().await;
            match self.run::<bool>(scripts::EXTEND, &[life()]).await {
                Ok(true) => {}
                Ok(false) => {
                    tracing::debug!(cache.lock = self.name, "a lock was lost while it was held");
                    return;
                }
                // If Redis is back soon, it is not too late.
                Err(error) => tracing::debug!(cache.lock = self.name, %error, "a lock was not extended"),
            }
        }
    }

    async fn release(&self) {
        if let Err(error) = self.run::<bool>(scripts::UNLOCK, &[]).await {
            tracing::debug!(cache.lock = self.name, %error, "a lock was left to end by itself");
        }
    }

    async fn run<T: FromRedisValue>(&self, script: &str, arguments: &[u64]) -> Result<T, CacheError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(1).arg(&self.name).arg(&self.token).arg(arguments);
        self.line.ask(&command).await
    }
}

/// In milliseconds, as Redis counts.
fn life() -> u64 {
    u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX)
}
