//! Logs and metrics.

mod log;
mod metrics;

pub use log::start as start_log;
pub use metrics::Metrics;
