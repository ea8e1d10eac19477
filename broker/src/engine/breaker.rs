//! A circuit breaker: after failures in a row, calls fail at once for a while, then one is let through.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::time::Timestamp;

/// Failures in a row before the circuit opens.
const TOLERATED: u32 = 5;
/// How long it stays open the first time; doubled with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long it stays open at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The state of one circuit.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_again_at: Option<Timestamp>,
}

impl Breaker {
    /// Whether a call may be made at `now`; otherwise when the next one may.
    pub fn admit(&self, now: Timestamp) -> Result<(), Timestamp> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_again_at {
            Some(until) if now < until => Err(until),
            // Half open: this call probes, the others wait for its outcome or the next pause.
            Some(_) => {
                state.closed_again_at = Some(now + pause(state.failures));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The outcome of a call that was admitted.
    pub fn record(&self, now: Timestamp, reachable: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reachable {
            *state = State::default();
        } else {
            state.failures = state.failures.saturating_add(1);
            if state.failures >= TOLERATED {
                state.closed_again_at = Some(now + pause(state.failures));
            }
        }
    }

    /// Whether calls are refused.
    pub fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).closed_again_at.is_some()
    }
}

fn pause(failures: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(TOLERATED))).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_call_probe() {
        let start = Timestamp::from_timestamp(1_000, 0).unwrap();
        let breaker = Breaker::default();
        for _ in 0..TOLERATED {
            assert_eq!(breaker.admit(start), Ok(()));
            breaker.record(start, false);
        }
        assert_eq!(breaker.admit(start), Err(start + FIRST_PAUSE));
        let later = start + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), Ok(()), "one probes");
        assert!(breaker.admit(later).is_err(), "the others wait for it");
        breaker.record(later, true);
        assert_eq!(breaker.admit(later), Ok(()));
        assert!(!breaker.is_open());
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let start = Timestamp::from_timestamp(1_000, 0).unwrap();
        let breaker = Breaker::default();
        for _ in 0..100 {
            breaker.record(start, false);
        }
        assert_eq!(breaker.admit(start), Err(start + LONGEST_PAUSE));
    }
}
