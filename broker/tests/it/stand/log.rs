//! What the brokers of this process log.

use std::io;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

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
    let log = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter("warn,dsn_broker=info");
    let _ = log.with_writer(|| Lines).try_init();
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
