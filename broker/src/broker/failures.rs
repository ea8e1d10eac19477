//! The record of refusals: each one, until they become a flood; then counts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::ledger::{Entry, Ledger};
use crate::model::{Action, Event};
use crate::time::{Clock, Timestamp, sleep};

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(10);
/// How many refusals of a window are recorded one by one.
const ONE_BY_ONE: u32 = 20;
/// How many different kinds of refusal are counted apart in a window.
const KINDS: usize = 1000;

/// The record of refusals.
pub struct Failures {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    window: Mutex<Window>,
}

#[derive(Default)]
struct Window {
    recorded: u32,
    folded: HashMap<Kind, u64>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Kind {
    action: Action,
    issuer: Option<String>,
    reason: String,
}

impl Failures {
    /// Nothing refused yet.
    pub fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { ledger, clock, window: Mutex::default() })
    }

    /// Records a refusal, with `reason` as its detail.
    pub fn record(&self, event: Event, reason: &str) {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if window.recorded < ONE_BY_ONE {
            window.recorded += 1;
            drop(window);
            self.ledger.write_later(Entry::events([event.with("reason", reason)]));
            return;
        }
        let issuer = event.principal.map(|principal| principal.issuer.to_string());
        let mut kind = Kind { action: event.action, issuer, reason: reason.to_owned() };
        if window.folded.len() >= KINDS && !window.folded.contains_key(&kind) {
            kind = Kind { issuer: None, reason: "several".to_owned(), ..kind };
        }
        *window.folded.entry(kind).or_default() += 1;
    }

    /// Writes the counts at the end of each window, until stopped.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return self.flush(self.clock.now()),
                () = sleep(&*self.clock, WINDOW) => self.flush(self.clock.now()),
            }
        }
    }

    fn flush(&self, now: Timestamp) {
        let window = std::mem::take(&mut *self.window.lock().unwrap_or_else(PoisonError::into_inner));
        for (kind, count) in window.folded {
            let event = Event::new(now, kind.action)
                .with("reason", kind.reason)
                .with("issuer", kind.issuer)
                .with("count", count);
            self.ledger.write_later(Entry::events([event]));
        }
    }
}
