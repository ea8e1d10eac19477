//! Pauses between attempts: growing, and different for everyone who waits for the same thing.

use std::time::Duration;

use crate::entropy::{Entropy, unit};

/// A series of pauses.
#[derive(Debug)]
pub(super) struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// The next pause: between half of it and all of it, and twice as long each time.
    pub(super) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let pause = self.next.mul_f64(0.5 + unit(entropy) / 2.0);
        self.next = (self.next * 2).min(self.longest);
        pause
    }
}
