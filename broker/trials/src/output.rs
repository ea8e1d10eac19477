//! What a trial says while it runs.

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Where the lines go, each with the time since the trial began.
#[derive(Debug)]
pub struct Output {
    began: Instant,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Standard,
    Kept(Mutex<Vec<String>>),
}

impl Output {
    /// To standard output.
    pub fn standard() -> Self {
        Self { began: Instant::now(), sink: Sink::Standard }
    }

    /// Kept, for a test that shows them only when it fails.
    pub fn kept() -> Self {
        Self { began: Instant::now(), sink: Sink::Kept(Mutex::default()) }
    }

    /// Says something.
    pub fn say(&self, text: impl AsRef<str>) {
        let line = format!("{:>8.3}  {}", self.began.elapsed().as_secs_f64(), text.as_ref());
        match &self.sink {
            // Nobody may be listening any more; the trial goes on to its end.
            Sink::Standard => drop(writeln!(std::io::stdout(), "{line}")),
            Sink::Kept(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
        }
    }

    /// All that was said, if it is kept.
    pub fn text(&self) -> String {
        match &self.sink {
            Sink::Standard => String::new(),
            Sink::Kept(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n"),
        }
    }
}
