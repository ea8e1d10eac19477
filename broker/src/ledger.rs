//! The ledger: the broker's own Postgres, with the states of the leases and the audit chain.
//!
//! Guarantees: what [`Ledger::write`] reports as written is durable, and a lease never changes without
//! the events about it being written in the same transaction. No transaction is open across another
//! server's network. The ledger being away is an error for the caller at once or after
//! `ledger.timeout`, never a crash, and it heals without a restart.
//!
//! Not guaranteed: what was reported as *not* written may have been (the connection broke during the
//! commit). Everyone who writes therefore treats an error as "not delivered", and the reaper undoes the rest.

mod append;
mod audit;
mod chain;
mod entry;
mod lease_row;
mod leases;
mod migrate;
mod offline;
mod opening;
mod passwords;
mod probe;
mod verify;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use tokio::sync::{mpsc, oneshot};

pub use audit::{AuditFilter, AuditPage, AuditRow};
pub use entry::{Change, Entry, Fence, NewLease, Refused};
pub use leases::{Claimed, Filter, Stuck};
pub use migrate::{MigrateError, migrate};
pub use offline::{As, Offline, OfflineError};
pub use passwords::KeptPassword;
pub use verify::{Flaw, HeadRow, Verdict, Verifier};

use verify::verify;

use crate::entropy::SystemEntropy;
use crate::id::StreamId;
use crate::ledger::chain::ChainKey;
use crate::secret::Secret;
use crate::telemetry::Metrics;
use crate::time::Clock;

/// The broker's own Postgres.
pub struct Ledger {
    pool: PgPool,
    queue: mpsc::Sender<writer::Job>,
    timeout: Duration,
    /// Whether what was written last was taken.
    takes: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    writer: std::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

/// What is needed to use a ledger.
pub struct Settings {
    /// How to connect.
    pub options: PgConnectOptions,
    /// The key of the audit chain.
    pub key: [u8; 32],
    /// The most connections.
    pub connections: u32,
    /// How many entries may wait to be written.
    pub queue: usize,
    /// How long a call may take, waiting included.
    pub timeout: Duration,
    /// How often the head of the chain is signed.
    pub heads_every: Duration,
}

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// More is waiting to be written than `ledger.queue` allows.
    #[error("the ledger is overloaded: its queue is full")]
    Overloaded,
    /// It did not answer in time.
    #[error("the ledger did not answer within its timeout while {doing}")]
    Timeout {
        /// What was being done.
        doing: &'static str,
    },
    /// The database could not be reached or refused.
    #[error("the ledger failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database or the driver said.
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A row cannot be what it says it is.
    #[error("the ledger is inconsistent: table {table}, column {column}, row {row}")]
    Inconsistent {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The primary key of the row.
        row: String,
    },
    /// The URL of the ledger cannot be used.
    #[error("the URL of the ledger is not valid: {detail}")]
    Url {
        /// What is wrong with it. Never the URL.
        detail: &'static str,
    },
}

impl Ledger {
    /// Begins to use a ledger. Does not connect yet: a ledger that is away is one that will come.
    pub fn start(settings: Settings, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Arc<Self> {
        let pool = pool(&settings);
        let takes = Arc::new(AtomicBool::new(true));
        let (queue, jobs) = mpsc::channel(settings.queue.max(1));
        let writer = writer::Writer {
            pool: pool.clone(),
            connection: None,
            jobs,
            stream: append::Stream {
                id: StreamId::new(clock.now(), &SystemEntropy),
                key: ChainKey::new(&settings.key),
            },
            head: append::Head::NotOpened,
            timeout: settings.timeout,
            heads_every: settings.heads_every,
            takes: takes.clone(),
            clock: clock.clone(),
            metrics,
        };
        Arc::new(Self {
            pool,
            takes,
            clock,
            queue,
            timeout: settings.timeout,
            writer: std::sync::Mutex::new(Some(tokio::spawn(writer.run()))),
        })
    }

    /// How long it may take to answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Writes a change with its events, durably.
    ///
    /// `Ok(Err(refused))` says that the change did not apply any more, and that nothing was written.
    pub async fn write(&self, entry: Entry) -> Result<Result<(), Refused>, LedgerError> {
        let (written, answer) = oneshot::channel();
        self.queue.try_send(writer::Job { entry, written }).map_err(|_| LedgerError::Overloaded)?;
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) | Err(_) => Err(LedgerError::Timeout { doing: "writing" }),
        }
    }

    /// Writes an entry without waiting for it: for events that nothing depends on. Dropped where the queue is full.
    pub fn write_later(&self, entry: Entry) {
        let (written, _) = oneshot::channel();
        if self.queue.try_send(writer::Job { entry, written }).is_err() {
            tracing::warn!("an audit event was dropped because the ledger's queue is full");
        }
    }

    /// Whether the ledger answers, has our schema, and takes what is written to it.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        let query = sqlx::query("select tag from installation").fetch_one(&self.pool);
        self.bounded("being asked whether it is there", query).await?;
        if self.takes.load(Ordering::Relaxed) {
            return Ok(());
        }
        // It may answer and take nothing: its disk is full, or it is a standby. Where nobody asks for anything, nobody
        // else would notice that this is over.
        self.bounded("being tried", probe::insert(&self.pool, self.clock.now())).await
    }

    /// The tag of this installation, part of the names of all users that we make.
    pub async fn installation(&self) -> Result<String, LedgerError> {
        let query = sqlx::query_scalar("select tag from installation").fetch_one(&self.pool);
        self.bounded("reading the installation's tag", query).await
    }

    /// Ends the stream in good order, once everything that waits is written. A ledger that hangs keeps nobody: each
    /// of the two steps takes `ledger.timeout` at most.
    pub async fn close(&self) {
        let task = self.writer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let (written, _) = oneshot::channel();
        let last = writer::Job { entry: Entry::end(), written };
        let end = async {
            if self.queue.send(last).await.is_ok()
                && let Some(task) = task
            {
                let _ = task.await;
            }
        };
        let _ = tokio::time::timeout(self.timeout, end).await;
        // It waits for every connection to say goodbye.
        let _ = tokio::time::timeout(self.timeout, self.pool.close()).await;
    }

    async fn bounded<T>(
        &self,
        doing: &'static str,
        query: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, LedgerError> {
        bounded(self.timeout, doing, query).await
    }
}

/// How to connect to the ledger at `url`: always with the certificate and the host name verified,
/// except through a Unix socket.
pub fn connect_options(url: &Secret, ca: Option<&Path>) -> Result<PgConnectOptions, LedgerError> {
    let options: PgConnectOptions = url.expose().parse().map_err(|_| LedgerError::Url {
        detail: "it should read postgres://user:password@host:port/database, with the password percent-encoded",
    })?;
    let options = options.application_name("dsn-broker").ssl_mode(PgSslMode::VerifyFull);
    let options = match ca {
        Some(path) => options.ssl_root_cert(path),
        None => options,
    };
    Ok(if options.get_socket().is_some() { options.ssl_mode(PgSslMode::Disable) } else { options })
}

async fn bounded<T>(
    timeout: Duration,
    doing: &'static str,
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, LedgerError> {
    match tokio::time::timeout(timeout, query).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(LedgerError::Database { doing, source: Arc::new(error) }),
        Err(_) => Err(LedgerError::Timeout { doing }),
    }
}

fn pool(settings: &Settings) -> PgPool {
    let longest = settings.timeout.saturating_mul(2).as_millis().max(1).to_string();
    // By then we have given up. A process that is gone, or cut off, must not hold locks in the ledger until the server
    // finds that its connection is dead, which takes hours: what it was about to change could not be put right.
    let options = settings.options.clone().options([
        ("idle_in_transaction_session_timeout", longest.as_str()),
        ("statement_timeout", longest.as_str()),
    ]);
    PgPoolOptions::new()
        .max_connections(settings.connections)
        .acquire_timeout(settings.timeout)
        .connect_lazy_with(options)
}
