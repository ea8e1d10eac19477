//! Time, as an argument.
//!
//! Decisions are made on a [`Clock`] that is handed in, so that a test can push it. Durations that are
//! only measured (latencies, timeouts of a connection) use tokio's clock.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

/// A moment, UTC, to the microsecond (what Postgres keeps).
pub type Timestamp = DateTime<Utc>;

/// Where the present comes from.
pub trait Clock: Send + Sync {
    /// The present, cut to microseconds.
    fn now(&self) -> Timestamp;

    /// Resolves when [`Clock::now`] has reached `deadline`.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()>;
}

/// Waits for `duration` on `clock`.
pub async fn sleep(clock: &dyn Clock, duration: Duration) {
    clock.sleep_until(clock.now() + duration).await;
}

/// The machine's clock.
#[derive(Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let now = Utc::now();
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let wait = (deadline - self.now()).to_std().unwrap_or(Duration::ZERO);
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock that moves only when told to, and wakes those who wait on it.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<watch::Sender<Timestamp>>);

impl ManualClock {
    /// A clock that stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(watch::Sender::new(now)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<'static, ()> {
        let mut present = self.0.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and with it everything that could make time pass.
            if present.wait_for(|now| *now >= deadline).await.is_err() {
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_sleepers_when_pushed() {
        let clock = ManualClock::new(DateTime::from_timestamp(1_000, 0).unwrap());
        let sleeper = tokio::spawn(clock.sleep_until(clock.now() + Duration::from_secs(60)));
        clock.advance(Duration::from_secs(59));
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.unwrap();
    }
}
