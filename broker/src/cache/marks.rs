//! Leases that were evicted a moment ago.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use crate::id::LeaseId;
use crate::time::Timestamp;

/// Remembers leases for a while. Nearly always empty, and then looking is one atomic read.
#[derive(Debug)]
pub(super) struct Marks {
    life: Duration,
    count: AtomicUsize,
    marked: RwLock<HashMap<LeaseId, Timestamp>>,
}

impl Marks {
    pub(super) fn new(life: Duration) -> Self {
        Self { life, count: AtomicUsize::new(0), marked: RwLock::default() }
    }

    pub(super) fn mark(&self, lease: LeaseId, now: Timestamp) {
        let mut marked = self.marked.write().unwrap_or_else(PoisonError::into_inner);
        // Only when the map would grow, so that marking many costs little each.
        if marked.len() == marked.capacity() {
            marked.retain(|_, at| *at + self.life > now);
        }
        marked.insert(lease, now);
        self.count.store(marked.len(), Ordering::SeqCst);
    }

    pub(super) fn contains(&self, lease: LeaseId) -> bool {
        self.count.load(Ordering::SeqCst) > 0
            && self.marked.read().unwrap_or_else(PoisonError::into_inner).contains_key(&lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    #[test]
    fn marks_stay_for_their_life_and_do_not_pile_up() {
        let marks = Marks::new(Duration::from_secs(60));
        let start = Timestamp::from_timestamp(1_700_000_000, 0).unwrap();
        let mut last = None;
        for second in 0..10_000 {
            let now = start + Duration::from_secs(second);
            let lease = LeaseId::new(now, &SystemEntropy);
            assert!(!marks.contains(lease));
            marks.mark(lease, now);
            assert!(marks.contains(lease));
            assert!(last.is_none_or(|last| marks.contains(last)));
            last = Some(lease);
        }
        assert!(marks.marked.read().unwrap().len() < 500);
    }
}
