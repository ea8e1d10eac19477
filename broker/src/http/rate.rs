//! How fast one workload may ask: the generic cell rate algorithm (ITU-T I.371), one number per workload.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use quick_cache::sync::Cache;

use crate::config::Rate;
use crate::model::Principal;
use crate::time::Timestamp;

/// How many workloads are remembered; those that asked least lately are forgotten, which lets them ask again.
const WORKLOADS: usize = 100_000;

pub(super) struct Rates {
    /// For each workload the moment, in microseconds, at which it would have asked evenly.
    even: Cache<Principal, Arc<AtomicI64>>,
    interval: i64,
    tolerance: i64,
}

impl Rates {
    pub(super) fn new(rate: &Rate) -> Self {
        let interval = 1_000_000 / i64::from(rate.per_second.max(1));
        Self { even: Cache::new(WORKLOADS), interval, tolerance: interval * i64::from(rate.burst.max(1) - 1) }
    }

    /// Whether the workload may ask now.
    pub(super) fn admit(&self, principal: &Principal, now: Timestamp) -> bool {
        let now = now.timestamp_micros();
        let even = match self.even.get(principal) {
            Some(even) => even,
            None => {
                let even = Arc::new(AtomicI64::new(0));
                self.even.insert(principal.clone(), even.clone());
                even
            }
        };
        let step = |even: i64| (even - now <= self.tolerance).then_some(even.max(now) + self.interval);
        even.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let rates = Rates::new(&Rate { per_second: 10, burst: 3 });
        let who = Principal { issuer: "ci".parse().unwrap(), subject: "a".to_owned() };
        let other = Principal { subject: "b".to_owned(), ..who.clone() };
        let now = Timestamp::from_timestamp(1_000, 0).unwrap();
        let asked: Vec<bool> = (0..5).map(|_| rates.admit(&who, now)).collect();
        assert_eq!(asked, [true, true, true, false, false]);
        assert!(rates.admit(&other, now), "one workload does not slow another");
        let later = now + std::time::Duration::from_millis(100);
        assert!(rates.admit(&who, later));
        assert!(!rates.admit(&who, later));
    }
}
