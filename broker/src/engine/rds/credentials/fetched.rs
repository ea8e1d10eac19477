//! Credentials that are fetched, kept, and replaced before they end.
//!
//! One fetch runs at a time, in a task of its own: who asked first may hang up. Nobody waits for one as long as the
//! credentials that are there can still be used; when their source is down, they go on being used until they end.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::engine::rds::credentials::{Failure, Keys};
use crate::engine::rds::token;
use crate::time::{Clock, Timestamp};

/// Gets new credentials.
pub(super) trait Fetch: Send + Sync {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, Failure>>;
}

/// Credentials from a service of AWS.
pub(in crate::engine::rds) struct Fetched {
    fetch: Box<dyn Fetch>,
    clock: Arc<dyn Clock>,
    known: ArcSwapOption<Known>,
    /// Locked while a fetch runs.
    last: Mutex<Last>,
}

struct Known {
    keys: Arc<Keys>,
    refresh_at: Timestamp,
    unusable_at: Timestamp,
}

/// The last fetch.
#[derive(Default)]
struct Last {
    /// When a failed one ended, and with what: those who waited for it fail in the same way.
    failed: Option<(Instant, Failure)>,
    /// Not before this is tried in the background.
    again_at: Option<Timestamp>,
}

impl Fetched {
    /// Fetches nothing yet.
    pub(super) fn new(fetch: Box<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        Self { fetch, clock, known: ArcSwapOption::empty(), last: Mutex::default() }
    }

    pub(super) async fn keys(self: &Arc<Self>) -> Result<Arc<Keys>, Failure> {
        let (asked, now) = (Instant::now(), self.clock.now());
        match &*self.known.load() {
            Some(known) if now < known.refresh_at => return Ok(Arc::clone(&known.keys)),
            Some(known) if now < known.unusable_at => {
                self.refresh_in_background();
                return Ok(Arc::clone(&known.keys));
            }
            _ => {}
        }
        let this = Arc::clone(self);
        let fetching = tokio::spawn(async move { this.wait(asked).await });
        fetching.await.map_err(|_| Failure::Unavailable("the fetch broke off".to_owned()))?
    }

    /// Those of a fetch that ended after `asked`: another one's, or one's own.
    async fn wait(&self, asked: Instant) -> Result<Arc<Keys>, Failure> {
        let mut last = self.last.lock().await;
        if let Some(known) = &*self.known.load()
            && self.clock.now() < known.unusable_at
        {
            return Ok(Arc::clone(&known.keys));
        }
        match &last.failed {
            Some((ended, failure)) if *ended >= asked => Err(failure.clone()),
            _ => self.fetch(&mut last).await,
        }
    }

    fn refresh_in_background(self: &Arc<Self>) {
        let this = Arc::clone(self);
        // Who finds it locked knows that someone is at it.
        if self.last.try_lock().is_ok_and(|last| last.again_at.is_none_or(|at| at <= self.clock.now())) {
            tokio::spawn(async move {
                let mut last = this.last.lock().await;
                if last.again_at.is_none_or(|at| at <= this.clock.now())
                    && let Err(Failure::Unavailable(error) | Failure::Refused(error)) =
                        this.fetch(&mut last).await
                {
                    tracing::warn!(
                        error,
                        "AWS credentials cannot be replaced: the old ones are used until they end"
                    );
                }
            });
        }
    }

    async fn fetch(&self, last: &mut Last) -> Result<Arc<Keys>, Failure> {
        let fetched = self.fetch.fetch().await;
        let now = self.clock.now();
        last.again_at = Some(now + PAUSE);
        let fetched = fetched.and_then(|keys| Known::new(keys, now));
        last.failed = fetched.as_ref().err().map(|failure| (Instant::now(), failure.clone()));
        let known = Arc::new(fetched?);
        self.known.store(Some(Arc::clone(&known)));
        Ok(Arc::clone(&known.keys))
    }
}

impl Known {
    /// Replaced while a token still has its full life, but no sooner than after half of their own.
    fn new(keys: Keys, now: Timestamp) -> Result<Self, Failure> {
        let expires_at = keys.expires_at.unwrap_or(now + LONGEST);
        let unusable_at = expires_at - MARGIN;
        if unusable_at <= now {
            return Err(Failure::Refused(format!(
                "those that were given end at {}, and it is {}: are the clocks right?",
                expires_at.to_rfc3339(),
                now.to_rfc3339()
            )));
        }
        let half = now + (expires_at - now) / 2;
        let refresh_at = half.max(expires_at - token::LIFETIME - EARLY).min(unusable_at);
        Ok(Self { keys: Arc::new(keys), refresh_at, unusable_at })
    }
}

/// Time to get others before tokens become shorter.
const EARLY: Duration = Duration::from_secs(300);

/// What ends sooner than this is of no use to anybody.
const MARGIN: Duration = Duration::from_secs(30);

/// How soon after a fetch the next one is tried while nobody waits for it.
const PAUSE: Duration = Duration::from_secs(30);

/// How long credentials are used that do not say when they end.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn known(life: u64) -> Result<(u64, u64), Failure> {
        let now = Timestamp::UNIX_EPOCH;
        let keys = Keys {
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            session_token: None,
            expires_at: Some(now + Duration::from_secs(life)),
        };
        let seconds = |moment: Timestamp| u64::try_from(moment.timestamp()).unwrap();
        Known::new(keys, now).map(|known| (seconds(known.refresh_at), seconds(known.unusable_at)))
    }

    #[test]
    fn they_are_replaced_in_time_and_used_until_they_end() {
        for (life, refresh, unusable) in
            [(3600, 2400, 3570), (21_600, 20_400, 21_570), (1200, 600, 1170), (40, 10, 10)]
        {
            assert_eq!(known(life).unwrap(), (refresh, unusable), "{life} s");
        }
    }

    #[test]
    fn what_has_ended_is_not_taken() {
        assert!(matches!(known(0), Err(Failure::Refused(why)) if why.contains("clocks")));
        assert!(known(30).is_err());
    }
}
