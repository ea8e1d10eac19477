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

/// What is known of a place in a stream from elsewhere.
type Known = HashMap<(Uuid, i64), Vec<u8>>;

/// Verifies the whole audit, in memory that does not grow with it but with the number of heads.
pub async fn verify(connection: &mut PgConnection, key: &[u8; 32]) -> Result<Verdict, sqlx::Error> {
    // One view of heads and events, whatever is written or pruned meanwhile.
    let mut view = connection.begin_with("begin isolation level repeatable read read only").await?;
    let verdict = verify_view(&mut view, key).await?;
    view.commit().await?;
    Ok(verdict)
}

async fn verify_view(connection: &mut PgConnection, key: &[u8; 32]) -> Result<Verdict, sqlx::Error> {
    let key = ChainKey::new(key);
    let mut verdict = Verdict::default();
    let mut known = Known::new();
    let pruned = heads(connection, &key, &mut known, &mut verdict).await?;
    let mut ends: HashMap<Uuid, i64> = HashMap::new();
    let mut at = Cursor { stream: Uuid::nil(), seq: 0, mac: START };
    let mut rows = sqlx::query_as::<_, AuditRow>(
        "select stream, seq, at, action, issuer, subject, role, database, lease, request, detail, mac \
           from audit_events order by stream, seq",
    )
    .fetch(connection);
    let mut seen = Known::new();
    while let Some(row) = rows.try_next().await? {
        if row.stream != at.stream {
            verdict.streams += 1;
            at = Cursor::start(row.stream, &pruned);
        }
        at.follow(&key, &row, &mut verdict);
        if known.contains_key(&(row.stream, row.seq)) {
            seen.insert((row.stream, row.seq), row.mac.clone());
        }
        if row.action == Action::StreamOpened.as_str() {
            remember_links(&row, &mut known);
        }
        ends.insert(row.stream, at.seq);
    }
    drop(rows);
    check_known(&known, &seen, &ends, &pruned, &mut verdict);
    Ok(verdict)
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

    fn follow(&mut self, key: &ChainKey, row: &AuditRow, verdict: &mut Verdict) {
        if row.seq <= self.seq {
            // Events are removed and their removal is signed in one transaction: there is no half of it.
            let (stream, seq, pruned) = (row.stream, row.seq, self.seq);
            verdict.flaws.push(Flaw::Inserted { stream, seq, pruned });
            return;
        }
        let gap = row.seq != self.seq + 1;
        if gap {
            verdict.flaws.push(Flaw::Missing { stream: row.stream, from: self.seq + 1, to: row.seq - 1 });
        }
        let expected = key.mac(&self.mac, &content(row));
        // After a gap the event before is not known: what follows is verified from here on.
        if !gap && expected.as_slice() != row.mac {
            verdict.flaws.push(Flaw::Changed { stream: row.stream, seq: row.seq });
        }
        verdict.events += 1;
        self.seq = row.seq;
        self.mac = array(&row.mac);
    }
}

/// Verifies the signatures of all heads, remembers what they say, and answers where streams were pruned.
async fn heads(
    connection: &mut PgConnection,
    key: &ChainKey,
    known: &mut Known,
    verdict: &mut Verdict,
) -> Result<HashMap<Uuid, (i64, Vec<u8>)>, sqlx::Error> {
    let mut pruned = HashMap::new();
    let mut rows = sqlx::query_as::<_, (Uuid, i64, String, Timestamp, Vec<u8>, Vec<u8>)>(
        "select stream, seq, kind, at, mac, signature from audit_heads order by stream, seq",
    )
    .fetch(connection);
    while let Some((stream, seq, kind, at, mac, signature)) = rows.try_next().await? {
        let head = Head { stream: StreamId(stream), seq, kind: &kind, at, mac: &mac };
        if key.sign(&head).as_slice() != signature {
            verdict.flaws.push(Flaw::Head { stream, seq });
            continue;
        }
        verdict.heads += 1;
        match kind.as_str() {
            "pruned" => drop(pruned.insert(stream, (seq, mac))),
            _ => drop(known.insert((stream, seq), mac)),
        }
    }
    Ok(pruned)
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
