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

/// Under what a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The circuit is closed.
    Usual,
    /// The circuit is open, and this call finds out whether it should be.
    Probe,
}

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
    pub fn admit(&self, now: Timestamp) -> Result<Admission, Timestamp> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_again_at {
            Some(until) if now < until => Err(until),
            // Half open: this call probes, the others wait for its outcome or the next pause.
            Some(_) => {
                state.closed_again_at = Some(now + pause(state.failures));
                Ok(Admission::Probe)
            }
            None => Ok(Admission::Usual),
        }
    }

    /// The outcome of a call that was admitted.
    ///
    /// Calls that were under way when the circuit opened say nothing new by failing: however many they are, they do
    /// not lengthen the pause.
    pub fn record(&self, now: Timestamp, admission: Admission, reachable: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if reachable {
            *state = State::default();
        } else if admission == Admission::Probe || state.closed_again_at.is_none() {
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
            assert_eq!(breaker.admit(start), Ok(Admission::Usual));
            breaker.record(start, Admission::Usual, false);
        }
        assert_eq!(breaker.admit(start), Err(start + FIRST_PAUSE));
        let later = start + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), Ok(Admission::Probe), "one probes");
        assert!(breaker.admit(later).is_err(), "the others wait for it");
        breaker.record(later, Admission::Probe, true);
        assert_eq!(breaker.admit(later), Ok(Admission::Usual));
        assert!(!breaker.is_open());
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let mut now = Timestamp::from_timestamp(1_000, 0).unwrap();
        let breaker = Breaker::default();
        for _ in 0..TOLERATED {
            breaker.record(now, Admission::Usual, false);
        }
        for seconds in [1, 2, 4, 8, 16, 30, 30] {
            let until = breaker.admit(now).unwrap_err();
            assert_eq!(until, now + Duration::from_secs(seconds));
            now = until;
            assert_eq!(breaker.admit(now), Ok(Admission::Probe));
            breaker.record(now, Admission::Probe, false);
        }
    }

    #[test]
    fn many_that_fail_at_once_do_not_lengthen_the_pause() {
        let start = Timestamp::from_timestamp(1_000, 0).unwrap();
        let breaker = Breaker::default();
        for _ in 0..100 {
            assert_eq!(breaker.admit(start), Ok(Admission::Usual));
        }
        for _ in 0..100 {
            breaker.record(start, Admission::Usual, false);
        }
        assert_eq!(breaker.admit(start), Err(start + FIRST_PAUSE));
    }
}
