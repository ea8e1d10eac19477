use std::sync::Arc;

use crate::cache::link::Line;
use crate::cache::scripts;

/// The right to make the new entry for a key, until dropped or until its time is over.
#[must_use = "the lock is released when this is dropped"]
pub struct LockGuard {
    held: Option<Held>,
}

struct Held {
    line: Arc<Line>,
    name: String,
    token: String,
}

impl LockGuard {
    pub(super) fn unshared() -> Self {
        Self { held: None }
    }

    pub(super) fn held(line: Arc<Line>, name: String, token: String) -> Self {
        Self { held: Some(Held { line, name, token }) }
    }

    /// Releases the lock, and returns when that is done. Redis being down is no matter: the lock ends by itself.
    pub async fn release(mut self) {
        if let Some(held) = self.held.take() {
            held.release().await;
        }
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Handle::try_current();
        if let (Some(held), Ok(runtime)) = (self.held.take(), runtime) {
            runtime.spawn(held.release());
        }
    }
}

impl std::fmt::Debug for LockGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockGuard").field("name", &self.held.as_ref().map(|held| &held.name)).finish()
    }
}

impl Held {
    async fn release(self) {
        let mut command = redis::cmd("EVAL");
        command.arg(scripts::UNLOCK).arg(1).arg(&self.name).arg(&self.token);
        if let Err(error) = self.line.ask::<u8>(&command).await {
            tracing::debug!(%error, "a lock was left to end by itself");
        }
    }
}
