//! Proof that nothing in the audit was changed, removed or inserted, and where that breaks.
//!
//! Proven: every event is as it was written; within a stream none is missing before the last one; no
//! stream lacks what a signed head, or the opening of a later stream, says that it had reached.
//! Not proven: that the newest events of a stream, written after its last signed head, are all there.
//! Heads are in the broker's log too (`audit head signed`), where another system can keep them.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::Connection;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::id::StreamId;
use crate::ledger::audit::AuditRow;
use crate::ledger::chain::{ChainKey, Content, Head, MAC, START};
use crate::ledger::opening::hex;
use crate::model::Action;
use crate::time::Timestamp;

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many streams there are.
    pub streams: u64,
    /// How many events were verified.
    pub events: u64,
    /// How many signed heads were verified.
    pub heads: u64,
    /// Where the chain breaks; empty if it is whole.
    pub flaws: Vec<Flaw>,
}

/// A place where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An event is not what was written, or the one before it is not.
    #[error("stream {stream}: event {seq} was changed, or the events before it were")]
    Changed {
        /// Its stream.
        stream: Uuid,
        /// Its place there.
        seq: i64,
    },
    /// Events are missing.
    #[error("stream {stream}: events {from} to {to} are missing")]
    Missing {
        /// Their stream.
        stream: Uuid,
        /// The first that is missing.
        from: i64,
        /// The last that is missing.
        to: i64,
    },
    /// An event stands where all events were removed on purpose.
    #[error("stream {stream}: event {seq} was inserted: all up to event {pruned} were removed on purpose")]
    Inserted {
        /// Its stream.
        stream: Uuid,
        /// Its place there.
        seq: i64,
        /// Up to where events were removed.
        pruned: i64,
    },
    /// A signed head is not what was signed.
    #[error("stream {stream}: the signed head at event {seq} is forged or was changed")]
    Head {
        /// Its stream.
        stream: Uuid,
        /// Its place there.
        seq: i64,
    },
    /// A head tells of an event that has another MAC than it had.
    #[error("stream {stream}: event {seq} is not the one that a signed head names")]
    Replaced {
        /// Its stream.
        stream: Uuid,
        /// Its place there.
        seq: i64,
    },
}

/// A signed head, as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct HeadRow {
    /// Its stream.
    pub stream: Uuid,
    /// Its place there.
    pub seq: i64,
    /// `head`, or `pruned`: all up to here was removed on purpose.
    pub kind: String,
    /// When it was signed.
    pub at: Timestamp,
    /// The MAC of the event there.
    pub mac: Vec<u8>,
    /// The signature of all that.
    pub signature: Vec<u8>,
}

/// Verifies the whole audit, in memory that does not grow with it but with the number of heads.
pub async fn verify(connection: &mut PgConnection, key: &[u8; 32]) -> Result<Verdict, sqlx::Error> {
    // One view of heads and events, whatever is written or pruned meanwhile.
    let mut view = connection.begin_with("begin isolation level repeatable read read only").await?;
    let mut verifier = Verifier::new(key);
    let heads = "select stream, seq, kind, at, mac, signature from audit_heads order by stream, seq";
    let mut heads = sqlx::query_as::<_, HeadRow>(heads).fetch(&mut *view);
    while let Some(head) = heads.try_next().await? {
        verifier.head(head);
    }
    drop(heads);
    let mut events = sqlx::query_as::<_, AuditRow>(
        "select stream, seq, at, action, issuer, subject, role, database, lease, request, detail, mac \
           from audit_events order by stream, seq",
    )
    .fetch(&mut *view);
    while let Some(event) = events.try_next().await? {
        verifier.event(&event);
    }
    drop(events);
    view.commit().await?;
    Ok(verifier.finish())
}

/// Verifies what it is given: all heads, then all events, each in the order of stream and place.
pub struct Verifier {
    key: ChainKey,
    /// What heads say of events.
    known: Known,
    /// Those of them that were seen.
    seen: Known,
    /// Where all events before were removed on purpose.
    pruned: HashMap<Uuid, (i64, Vec<u8>)>,
    /// The last event of each stream.
    ends: HashMap<Uuid, i64>,
    at: Cursor,
    verdict: Verdict,
}

/// What is known of a place in a stream from elsewhere.
type Known = HashMap<(Uuid, i64), Vec<u8>>;

impl Verifier {
    /// With the key of the chain.
    pub fn new(key: &[u8; 32]) -> Self {
        Self {
            key: ChainKey::new(key),
            known: Known::new(),
            seen: Known::new(),
            pruned: HashMap::new(),
            ends: HashMap::new(),
            at: Cursor { stream: Uuid::nil(), seq: 0, mac: START },
            verdict: Verdict::default(),
        }
    }

    /// Verifies the signature of a head, and remembers what it says.
    pub fn head(&mut self, row: HeadRow) {
        let HeadRow { stream, seq, kind, at, mac, signature } = row;
        let head = Head { stream: StreamId(stream), seq, kind: &kind, at, mac: &mac };
        if self.key.sign(&head).as_slice() != signature {
            self.verdict.flaws.push(Flaw::Head { stream, seq });
            return;
        }
        self.verdict.heads += 1;
        match kind.as_str() {
            "pruned" => drop(self.pruned.insert(stream, (seq, mac))),
            _ => drop(self.known.insert((stream, seq), mac)),
        }
    }

    /// Verifies an event.
    pub fn event(&mut self, row: &AuditRow) {
        if self.verdict.streams == 0 || row.stream != self.at.stream {
            self.verdict.streams += 1;
            self.at = Cursor::start(row.stream, &self.pruned);
        }
        let is_genuine = self.at.follow(&self.key, row, &mut self.verdict);
        if self.known.contains_key(&(row.stream, row.seq)) {
            self.seen.insert((row.stream, row.seq), row.mac.clone());
        }
        // What was forged must not accuse others.
        if is_genuine && row.action == Action::StreamOpened.as_str() {
            remember_links(row, &mut self.known);
        }
        self.ends.insert(row.stream, self.at.seq);
    }

    /// What was found in all of it.
    pub fn finish(mut self) -> Verdict {
        check_known(&self.known, &self.seen, &self.ends, &self.pruned, &mut self.verdict);
        self.verdict
    }
}

struct Cursor {
    stream: Uuid,
    seq: i64,
    mac: [u8; MAC],
}

impl Cursor {
    /// Where a stream begins: before its first event, or after the last that was pruned.
    fn start(stream: Uuid, pruned: &HashMap<Uuid, (i64, Vec<u8>)>) -> Self {
        let start = pruned.get(&stream).map(|(seq, mac)| (*seq, array(mac)));
        let (seq, mac) = start.unwrap_or((0, START));
        Self { stream, seq, mac }
    }

    /// Whether the event is what was written.
    fn follow(&mut self, key: &ChainKey, row: &AuditRow, verdict: &mut Verdict) -> bool {
        if row.seq <= self.seq {
            // Events are removed and their removal is signed in one transaction: there is no half of it.
            let (stream, seq, pruned) = (row.stream, row.seq, self.seq);
            verdict.flaws.push(Flaw::Inserted { stream, seq, pruned });
            return false;
        }
        let gap = row.seq != self.seq + 1;
        if gap {
            verdict.flaws.push(Flaw::Missing { stream: row.stream, from: self.seq + 1, to: row.seq - 1 });
        }
        let is_next = key.mac(&self.mac, &content(row)).as_slice() == row.mac;
        // After a gap the event before is not known: what follows is verified from here on.
        if !gap && !is_next {
            verdict.flaws.push(Flaw::Changed { stream: row.stream, seq: row.seq });
        }
        verdict.events += 1;
        self.seq = row.seq;
        self.mac = array(&row.mac);
        is_next
    }
}

/// What the opening of a stream says of others.
fn remember_links(row: &AuditRow, known: &mut Known) {
    #[derive(serde::Deserialize)]
    struct Opening {
        heads: Vec<Link>,
    }
    #[derive(serde::Deserialize)]
    struct Link {
        stream: Uuid,
        seq: i64,
        mac: String,
    }
    let Ok(opening) = serde_json::from_str::<Opening>(&row.detail) else { return };
    for Link { stream, seq, mac } in opening.heads {
        known.entry((stream, seq)).or_insert_with(|| mac.into_bytes());
    }
}

fn check_known(
    known: &Known,
    seen: &Known,
    ends: &HashMap<Uuid, i64>,
    pruned: &HashMap<Uuid, (i64, Vec<u8>)>,
    verdict: &mut Verdict,
) {
    let mut missing: HashMap<Uuid, i64> = HashMap::new();
    for ((stream, seq), mac) in known {
        let end = ends.get(stream).copied().unwrap_or_else(|| pruned.get(stream).map_or(0, |(seq, _)| *seq));
        match seen.get(&(*stream, *seq)) {
            Some(actual) if actual == mac || hex(actual).as_bytes() == mac.as_slice() => {}
            Some(_) => verdict.flaws.push(Flaw::Replaced { stream: *stream, seq: *seq }),
            None if *seq > end => {
                let last = missing.entry(*stream).or_insert(*seq);
                *last = (*last).max(*seq);
            }
            // Within the stream: a gap is reported as such; a link that came later than its target is checked by its head.
            None => {}
        }
    }
    for (stream, to) in missing {
        let end =
            ends.get(&stream).copied().unwrap_or_else(|| pruned.get(&stream).map_or(0, |(seq, _)| *seq));
        verdict.flaws.push(Flaw::Missing { stream, from: end + 1, to });
    }
    verdict.flaws.sort_by_key(ToString::to_string);
}

fn content(row: &AuditRow) -> Content<'_> {
    Content {
        stream: StreamId(row.stream),
        seq: row.seq,
        at: row.at,
        action: &row.action,
        issuer: row.issuer.as_deref(),
        subject: row.subject.as_deref(),
        role: row.role.as_deref(),
        database: row.database.as_deref(),
        lease: row.lease,
        request: row.request.as_deref(),
        detail: &row.detail,
    }
}

fn array(mac: &[u8]) -> [u8; MAC] {
    mac.try_into().unwrap_or(START)
}
