//! The life of a lease, from its first delivery to its end.

mod clocks;
mod draining;
mod ends;
mod refresh;
mod renewal;
mod revocation;

use dsn_broker::time::Timestamp;
use serde_json::Value;

/// A time in an answer.
fn time(answer: &Value, name: &str) -> Timestamp {
    answer[name].as_str().unwrap().parse().unwrap()
}

/// A text in an answer.
fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}
