//! Keeping to a provider's limit of requests: the generic cell rate algorithm (ITU-T I.371), with one number.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How fast requests may go out.
pub(super) struct Pace {
    /// The moment at which the next request would go out if they went out evenly.
    even: Mutex<Instant>,
    interval: Duration,
    /// How far ahead of that moment a request may go out.
    ahead: Duration,
}

impl Pace {
    /// So many in any minute. A sixth of them may go out at once.
    pub(super) fn new(per_minute: u32) -> Self {
        let burst = per_minute / 6;
        let interval = Duration::from_secs(60) / (per_minute - burst).max(1);
        Self { even: Mutex::new(Instant::now()), interval, ahead: interval * burst.saturating_sub(1) }
    }

    /// Waits for a turn; if that would take longer than `patience`, says how long it would.
    pub(super) async fn take_turn(&self, patience: Duration) -> Result<(), Duration> {
        tokio::time::sleep_until(self.turn(Instant::now(), patience)?).await;
        Ok(())
    }

    /// The moment of the next turn, which is then taken.
    fn turn(&self, now: Instant, patience: Duration) -> Result<Instant, Duration> {
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = even.checked_sub(self.ahead).unwrap_or(now).max(now);
        let wait = turn - now;
        if wait > patience {
            return Err(wait);
        }
        *even = (*even).max(now) + self.interval;
        Ok(turn)
    }

    /// Lets nothing go out for so long.
    pub(super) fn hold(&self, time: Duration) {
        let mut even = self.even.lock().unwrap_or_else(PoisonError::into_inner);
        *even = (*even).max(Instant::now() + time + self.ahead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(600);

    #[test]
    fn no_more_than_the_limit_go_out_in_any_minute() {
        let pace = Pace::new(60);
        let start = Instant::now();
        let turns: Vec<_> = (0..200).map(|_| pace.turn(start, PATIENCE).unwrap() - start).collect();
        assert!(turns[9] < Duration::from_millis(1), "a burst waits for nothing: {:?}", turns[9]);
        for (index, turn) in turns.iter().enumerate() {
            let end = *turn + Duration::from_secs(60);
            assert!(turns[index..].iter().take_while(|other| **other < end).count() <= 60);
        }
        assert!(turns[199] < Duration::from_secs(240), "and not many fewer: {:?}", turns[199]);
    }

    #[test]
    fn who_would_wait_too_long_is_told_how_long() {
        let pace = Pace::new(60);
        pace.hold(Duration::from_secs(30));
        let now = Instant::now();
        let wait = pace.turn(now, Duration::from_secs(10)).unwrap_err();
        assert!(wait > Duration::from_secs(29) && wait < Duration::from_secs(31), "{wait:?}");
        assert_eq!(pace.turn(now, PATIENCE).unwrap(), now + wait);
    }
}
