//! What the brokers of this process log.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::record;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Begins to keep what is logged; does nothing the next times.
pub fn keep() {
    let json = || tracing_subscriber::fmt::layer().json().flatten_event(true);
    let kept = json().with_writer(|| Lines).with_filter(EnvFilter::new("warn,dsn_broker=info")).boxed();
    let recorded =
        || json().with_writer(|| record::Log).with_filter(EnvFilter::new("debug,dsn_broker=trace"));
    let layers: Vec<_> = [kept].into_iter().chain(record::is_kept().then(|| recorded().boxed())).collect();
    let _ = tracing_subscriber::registry().with(layers).try_init();
}

/// Everything that was logged so far, by all brokers.
pub fn text() -> String {
    String::from_utf8(LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
}

/// The lines about the request of this identifier.
pub fn of_request(id: &str) -> Vec<Value> {
    let lines: Vec<Value> = text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.into_iter().filter(|line| line["request.id"] == id).collect()
}
