//! What callers saw and what was done to the broker: the one side of the comparison.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

/// A moment by the clock that the broker's times are of.
pub(crate) type Moment = DateTime<Utc>;

/// The notes of one trial.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Notes>);

/// What is noted.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Every DSN that a caller has received.
    pub(crate) received: Vec<Received>,
    /// Logins that failed, though the DSN had just been received.
    pub(crate) locked_out: Vec<LockedOut>,
    /// How many logins worked, by engine.
    pub(crate) logins: BTreeMap<String, u64>,
    /// What was done, and when.
    pub(crate) troubles: Vec<Trouble>,
    /// How calls ended, by what was asked and how it was answered.
    pub(crate) answers: BTreeMap<(&'static str, String), u64>,
    /// Calls that the broker did not answer, or answered with an error of its own.
    pub(crate) failed: Vec<FailedCall>,
    /// How long it took to get each of the last DSNs.
    pub(crate) took: Vec<Duration>,
    /// How often a replica was sent SIGKILL.
    pub(crate) kills: u32,
    /// How often a replica died at each fail point.
    pub(crate) points: BTreeMap<&'static str, u32>,
    /// What is wrong already, whatever the ledger says.
    pub(crate) wrong: Vec<String>,
}

/// A DSN in the hands of a caller.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) lease: String,
    pub(crate) user: String,
    pub(crate) role: String,
    pub(crate) request: String,
    pub(crate) replica: usize,
    pub(crate) at: Moment,
}

/// A call that got nothing.
#[derive(Clone, Debug)]
pub(crate) struct FailedCall {
    pub(crate) asked: &'static str,
    pub(crate) how: String,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// A login that failed.
#[derive(Clone, Debug)]
pub(crate) struct LockedOut {
    pub(crate) lease: String,
    pub(crate) user: String,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
    /// Whether the server refused the user, rather than being away.
    pub(crate) refused: bool,
    pub(crate) error: String,
}

/// Something that was done to the broker or to a server, from its beginning until it was undone.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    pub(crate) from: Moment,
    pub(crate) until: Moment,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Redis could not be reached by some replica, or did not answer.
    Redis,
    /// Redis lost all that it held, besides.
    RedisEmptied,
    /// The ledger could not be reached by some replica, or was down.
    Ledger,
    /// One of the databases was down, or did not answer.
    Target,
    /// A replica stood still.
    Stopped,
    /// An operator revoked what a workload had.
    Incident,
}

impl Journal {
    /// The notes, to read or to add to.
    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call that began then has ended like this.
    pub(crate) fn answered(&self, asked: &'static str, from: Moment, how: &str) {
        let mut notes = self.notes();
        *notes.answers.entry((asked, how.to_owned())).or_default() += 1;
        if how.starts_with('5') || how.starts_with("no answer") {
            notes.failed.push(FailedCall { asked, how: how.to_owned(), from, until: now() });
        }
    }

    /// Something is wrong.
    pub(crate) fn wrong(&self, what: impl Into<String>) {
        self.notes().wrong.push(what.into());
    }

    /// Something was done, from then until now.
    pub(crate) fn trouble(&self, kind: Kind, from: Moment) {
        self.notes().troubles.push(Trouble { kind, from, until: now() });
    }
}

impl Trouble {
    /// Whether it, and the time that it takes to get over it, meets this span.
    pub(crate) fn meets(&self, kinds: &[Kind], from: Moment, until: Moment) -> bool {
        kinds.contains(&self.kind) && self.from <= until && from <= self.until + RECOVERY
    }
}

/// How long a replica may take to get a connection back: the longest pause between tries, and one try.
const RECOVERY: Duration = Duration::from_secs(3);

/// The present.
#[expect(clippy::disallowed_methods, reason = "compared with the times that the real program writes")]
pub(crate) fn now() -> Moment {
    Utc::now()
}
