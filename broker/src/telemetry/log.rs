//! The log: one line per thing that happened, on standard error, as JSON or for people.
//!
//! `RUST_LOG` chooses what is shown. Libraries are shown from warnings on: what they say at lower
//! levels may hold statements.

mod json;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

const DEFAULT: &str = "warn,dsn_broker=info";

/// Begins to log. Only the first call of a process counts.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => log.event_format(json::Json).try_init(),
        LogFormat::Human => log.with_target(false).try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
