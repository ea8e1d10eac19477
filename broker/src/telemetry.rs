//! Logs and metrics.

use std::time::Duration;

/// Everything that `/metrics` shows.
#[derive(Debug, Default)]
pub struct Metrics {}

impl Metrics {
    /// A batch was written to the ledger, or not.
    pub fn ledger_batch(&self, _entries: usize, _took: Duration, _written: bool) {}
}
