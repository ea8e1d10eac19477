//! Trials of dsn-broker, on real servers of their own: what breaks when everything breaks, and how fast it is.
//!
//! The broker is tried as its users have it: the real program, as processes of its own, through its front door.

pub mod bench;

use std::io::Write as _;

/// Tells whoever runs the trial.
pub fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
