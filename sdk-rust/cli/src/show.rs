//! What is said to people and to scripts.

use std::io::Write as _;

/// A text as it is, on a line of its own.
pub(crate) fn text(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{}", text.trim_end_matches('\n'))?)
}

/// An answer.
pub(crate) fn json(value: &serde_json::Value) -> anyhow::Result<()> {
    text(&serde_json::to_string_pretty(value)?)
}

/// What went wrong, on the standard error.
pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("{error:#}"));
}

/// What someone who looks may want to know.
pub(crate) fn note(text: &str) {
    // There is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "dsn: {text}");
}
