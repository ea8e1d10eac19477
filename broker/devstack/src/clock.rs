//! A clock that can be put forward, for what emulators let expire.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// The machine's clock and an offset; clones are the same clock.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    offset: Arc<Mutex<Duration>>,
}

impl Clock {
    /// The present, as far as this clock goes.
    #[expect(
        clippy::disallowed_methods,
        reason = "real servers and drivers beside us go by the machine's clock"
    )]
    pub fn now(&self) -> SystemTime {
        SystemTime::now() + *self.offset.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts it forward.
    pub fn advance(&self, by: Duration) {
        *self.offset.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}
