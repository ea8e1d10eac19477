//! The one writer of a process: gathers what waits, writes it in one transaction, wakes the waiters.
//!
//! A slow commit makes batches larger, not the queue longer. The writer owns the end of this process's
//! audit stream; after any error it asks the database where that stream really ends, because a commit
//! whose answer was lost may have happened.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::Connection;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnection, PgPool, Postgres};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use uuid::Uuid;

use crate::ledger::append::{Head, Stream};
use crate::ledger::chain::{MAC, START};
use crate::ledger::entry::{Change, Entry, Refused};
use crate::ledger::{LedgerError, bounded, opening, write};
use crate::model::{Action, Event};
use crate::telemetry::Metrics;
use crate::time::Clock;

/// The most entries in one transaction.
const BATCH: usize = 512;
/// How long a batch waits at most for others to join it. Less than a commit takes on most disks.
const GATHER: Duration = Duration::from_millis(1);
/// How long after its last use a connection is used again without asking whether the server is still there.
const TRUSTED: Duration = Duration::from_secs(1);

/// An entry that waits, and who waits for it.
pub(super) struct Job {
    pub(super) entry: Entry,
    pub(super) written: oneshot::Sender<Result<Result<(), Refused>, LedgerError>>,
}

pub(super) struct Writer {
    pub(super) pool: PgPool,
    /// Kept between batches; `None` after any error.
    pub(super) connection: Option<Used>,
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) stream: Stream,
    pub(super) head: Head,
    pub(super) timeout: Duration,
    pub(super) heads_every: Duration,
    /// Whether what was written last was taken.
    pub(super) takes: Arc<AtomicBool>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) metrics: Arc<Metrics>,
}

/// A connection and when it was last used.
pub(super) struct Used {
    connection: PoolConnection<Postgres>,
    at: Instant,
}

impl Writer {
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut before = 0;
        let (mut signed, mut sign_at) = (0, self.clock.now() + self.heads_every);
        let mut overdue = None;
        loop {
            tokio::select! {
                biased;
                count = self.jobs.recv_many(&mut batch, BATCH) => {
                    if count == 0 { return; }
                    self.gather(&mut batch, before).await;
                    before = batch.len();
                    let last = batch.iter().any(|job| job.entry.last);
                    self.write_batch(batch.drain(..).filter(|job| !job.entry.last).collect()).await;
                    if last {
                        return self.close().await;
                    }
                }
                () = self.clock.sleep_until(sign_at) => {}
            }
            // Asked after every batch: under load there is always a next one.
            if self.clock.now() >= sign_at {
                signed = self.sign_head(signed).await;
                let now = self.clock.now();
                overdue = if self.ends_at(signed) { None } else { overdue.or(Some(sign_at)) };
                let lag = overdue.and_then(|since| (now - since).to_std().ok());
                self.metrics.audit_lag(lag.unwrap_or_default());
                sign_at = now + self.heads_every;
            }
        }
    }

    /// Waits a moment for as many as came the last time. A commit costs the same however much is in it: under load
    /// those who were woken by the last one come again at once, and are better written together. Who comes alone
    /// waits for nobody.
    async fn gather(&mut self, batch: &mut Vec<Job>, before: usize) {
        let deadline = Instant::now() + GATHER;
        while batch.len() < before {
            let room = BATCH - batch.len();
            match tokio::time::timeout_at(deadline, self.jobs.recv_many(batch, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
        }
    }

    async fn write_batch(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        let entries: Vec<&Entry> = jobs.iter().map(|job| &job.entry).collect();
        let started = Instant::now();
        let result = self.commit(&entries).await;
        self.metrics.ledger_batch(entries.len(), started.elapsed(), result.is_ok());
        self.takes.store(result.as_ref().err().is_none_or(is_data_error), Ordering::Relaxed);
        match result {
            Ok(applied) => {
                for (job, applied) in jobs.into_iter().zip(applied) {
                    let _ = job.written.send(Ok(applied));
                }
            }
            // One entry that the database will not have must not take the others with it.
            Err(error) if jobs.len() > 1 && is_data_error(&error) => {
                for job in jobs {
                    let result = self.commit(&[&job.entry]).await;
                    let _ = job.written.send(result.map(|mut applied| applied.pop().unwrap_or(Ok(()))));
                }
            }
            Err(error) => {
                tracing::error!(error = %chain_of(&error), entries = jobs.len(), "the ledger could not be written");
                for job in jobs {
                    let _ = job.written.send(Err(error.again()));
                }
            }
        }
    }

    /// Writes entries in one transaction; answers for each whether its change applied.
    async fn commit(&mut self, entries: &[&Entry]) -> Result<Vec<Result<(), Refused>>, LedgerError> {
        let (used, before) = (self.connection.take(), std::mem::replace(&mut self.head, Head::Unknown));
        let write = async {
            let mut connection = self.connect(used).await?;
            let done = self.transaction(&mut connection, before, entries).await?;
            Ok((connection, done))
        };
        // Whatever goes wrong, the connection is gone with it.
        let (connection, (head, applied)) = bounded(self.timeout, "writing", write).await?;
        self.connection = Some(Used { connection, at: Instant::now() });
        self.head = head;
        Ok(applied)
    }

    /// The connection of the batch before, unless the server may have left us since.
    async fn connect(&self, used: Option<Used>) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        if let Some(Used { mut connection, at }) = used
            && (at.elapsed() < TRUSTED || connection.ping().await.is_ok())
        {
            return Ok(connection);
        }
        self.pool.acquire().await
    }

    async fn transaction(
        &self,
        connection: &mut PgConnection,
        before: Head,
        entries: &[&Entry],
    ) -> Result<(Head, Vec<Result<(), Refused>>), sqlx::Error> {
        let head = match before {
            Head::Unknown => self.find_head(connection).await?,
            known => known,
        };
        let head = match head {
            Head::NotOpened => self.open_stream(connection).await?,
            opened => opened,
        };
        let changes: Vec<&Change> = entries.iter().filter_map(|entry| entry.change.as_ref()).collect();
        let delivered: BTreeSet<Uuid> =
            entries.iter().filter_map(|entry| entry.while_active).map(|id| id.0).collect();
        let delivered: Vec<Uuid> = delivered.into_iter().collect();
        if changes.is_empty() {
            let events = entries.iter().flat_map(|entry| &entry.events);
            if let Some(head) = self.stream.append(connection, head, events, &delivered).await? {
                return Ok((head, entries.iter().map(|_| Ok(())).collect()));
            }
        }
        // Something changes, or something of what is delivered has ended: each entry is looked at.
        let mut transaction = connection.begin().await?;
        let mut leases: Vec<Uuid> = changes.iter().map(|change| write::subject(change)).collect();
        leases.extend(&delivered);
        write::lock(&mut transaction, &leases).await?;
        let applied = write::apply(&mut transaction, &changes).await?;
        let active = write::active(&mut transaction, &delivered).await?;
        let mut applied = applied.into_iter();
        let outcomes: Vec<_> = entries.iter().map(|entry| outcome(entry, &mut applied, &active)).collect();
        let written = entries.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        let events = written.flat_map(|(entry, _)| &entry.events);
        let appended = self.stream.append(&mut transaction, head, events, &[]).await?;
        transaction.commit().await?;
        Ok((appended.unwrap_or(head), outcomes))
    }

    async fn open_stream(&self, connection: &mut PgConnection) -> Result<Head, sqlx::Error> {
        let event = opening::event(connection, self.clock.now()).await?;
        let head = Head::At { seq: 0, mac: START };
        Ok(self.stream.append(connection, head, [&event], &[]).await?.unwrap_or(head))
    }

    async fn find_head(&self, connection: &mut PgConnection) -> Result<Head, sqlx::Error> {
        let found: Option<(i64, Vec<u8>)> =
            // All of it may have been pruned, if nothing happened for long: then the signed mark is its end.
            sqlx::query_as(
                "(select seq, mac from audit_events where stream = $1 order by seq desc limit 1) \
                 union all \
                 (select seq, mac from audit_heads where stream = $1 and kind = 'pruned') \
                 order by seq desc limit 1",
            )
            .bind(self.stream.id.0)
            .fetch_optional(connection)
            .await?;
        Ok(found.map_or(Head::NotOpened, |(seq, bytes)| {
            let mut mac = START;
            mac.copy_from_slice(bytes.get(..MAC).unwrap_or(&START));
            Head::At { seq, mac }
        }))
    }

    /// Signs the head if the stream has grown since `signed`; answers up to where it is signed.
    async fn sign_head(&mut self, signed: i64) -> i64 {
        if self.head == Head::Unknown {
            // Nothing may come for long that would find out. An error is the same as before.
            let _ = self.commit(&[]).await;
        }
        let Head::At { seq, mac } = self.head else { return signed };
        if seq == signed {
            return signed;
        }
        let now = self.clock.now();
        let insert = opening::sign_head(&self.pool, &self.stream, seq, &mac, now);
        match bounded(self.timeout, "signing the head of the audit", insert).await {
            Ok(()) => {
                // The log is a second witness: whoever removes the end of the chain must change it too.
                tracing::info!(audit.stream = %self.stream.id, audit.seq = seq, audit.mac = %opening::hex(&mac), "audit head signed");
                seq
            }
            Err(error) => {
                tracing::warn!(error = %chain_of(&error), "the head of the audit could not be signed; it is tried again");
                signed
            }
        }
    }

    /// Whether nothing is written after this event.
    fn ends_at(&self, signed: i64) -> bool {
        match self.head {
            Head::NotOpened => true,
            Head::Unknown => false,
            Head::At { seq, .. } => seq == signed,
        }
    }

    async fn close(mut self) {
        if self.head == Head::NotOpened {
            return;
        }
        let entry = Entry::events([Event::new(self.clock.now(), Action::StreamClosed)]);
        if self.commit(&[&entry]).await.is_ok() {
            self.sign_head(0).await;
        }
    }
}

fn outcome(
    entry: &Entry,
    applied: &mut impl Iterator<Item = bool>,
    active: &HashSet<Uuid>,
) -> Result<(), Refused> {
    let refused = match &entry.change {
        Some(_) if applied.next() == Some(true) => None,
        Some(Change::Open(_)) => Some(Refused::Quota),
        Some(Change::Move { .. } | Change::Defer { .. }) => Some(Refused::Superseded),
        None => None,
    };
    let ended = entry.while_active.is_some_and(|lease| !active.contains(&lease.0));
    refused.or(ended.then_some(Refused::Superseded)).map_or(Ok(()), Err)
}

/// Whether the database refused what was written, rather than being away (SQLSTATE classes 22 and 23).
fn is_data_error(error: &LedgerError) -> bool {
    let LedgerError::Database { source, .. } = error else { return false };
    let code = source.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

/// An error with its causes on one line, for the log.
fn chain_of(error: &LedgerError) -> String {
    match error {
        LedgerError::Database { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    }
}

impl LedgerError {
    /// The same error for one more waiter.
    fn again(&self) -> Self {
        match self {
            Self::Database { doing, source } => Self::Database { doing, source: source.clone() },
            Self::Overloaded => Self::Overloaded,
            Self::Timeout { doing } => Self::Timeout { doing },
            Self::Inconsistent { table, column, row } => {
                Self::Inconsistent { table, column, row: row.clone() }
            }
            Self::Url { detail } => Self::Url { detail },
        }
    }
}
