//! The ledger without a running broker: for the command line.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

use crate::config;
use crate::id::StreamId;
use crate::ledger::audit::AuditRow;
use crate::ledger::chain::{ChainKey, Head};
use crate::ledger::{LedgerError, Verdict, connect_options, verify};
use crate::time::Timestamp;

/// One connection to the ledger.
pub struct Offline(PgConnection);

/// As which user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// The broker's own.
    Writer,
    /// The owner of the schema.
    Owner,
}

/// Why the ledger could not be used.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] LedgerError),
    /// The secret that holds the URL cannot be read.
    #[error(transparent)]
    Secret(#[from] config::SecretError),
    /// Removing events takes the owner's rights.
    #[error("ledger.owner_url is not set: the broker's own user cannot remove events, and should not")]
    NoOwner,
    /// The database could not be reached or refused.
    #[error("the ledger failed while {doing}: {source}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database or the driver said.
        source: sqlx::Error,
    },
}

impl Offline {
    /// Connects.
    pub async fn connect(ledger: &config::Ledger, user: As) -> Result<Self, OfflineError> {
        let url = match user {
            As::Writer => &ledger.url,
            As::Owner => ledger.owner_url.as_ref().ok_or(OfflineError::NoOwner)?,
        };
        let options: PgConnectOptions = connect_options(&url.read()?, ledger.ca.as_deref())?;
        options.connect().await.map(Self).map_err(failed("connecting"))
    }

    /// What the server is, and whether it has our schema.
    pub async fn probe(&mut self) -> Result<String, OfflineError> {
        sqlx::query_scalar("select 'Postgres ' || current_setting('server_version') from installation")
            .fetch_one(&mut self.0)
            .await
            .map_err(failed("being asked for its schema; has `dsn-broker migrate` been run?"))
    }

    /// Verifies the audit.
    pub async fn verify(&mut self, key: &[u8; 32]) -> Result<Verdict, OfflineError> {
        verify(&mut self.0, key).await.map_err(failed("reading the audit"))
    }

    /// Events after this one, oldest first.
    pub async fn events(
        &mut self,
        after: Option<(Timestamp, Uuid, i64)>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, OfflineError> {
        let (at, stream, seq) = after.unwrap_or((Timestamp::UNIX_EPOCH, Uuid::nil(), 0));
        sqlx::query_as(
            "select stream, seq, at, action, issuer, subject, role, database, lease, request, detail, mac \
               from audit_events where (at, stream, seq) > ($1, $2, $3) order by at, stream, seq limit $4",
        )
        .bind(at)
        .bind(stream)
        .bind(seq)
        .bind(limit)
        .fetch_all(&mut self.0)
        .await
        .map_err(failed("reading the audit"))
    }

    /// Removes, of each stream, what comes before its first event at or after `cutoff`; answers how many events.
    pub async fn prune(
        &mut self,
        key: &[u8; 32],
        cutoff: Timestamp,
        now: Timestamp,
    ) -> Result<u64, OfflineError> {
        self.prune_streams(&ChainKey::new(key), cutoff, now).await.map_err(failed("removing events"))
    }

    async fn prune_streams(
        &mut self,
        key: &ChainKey,
        cutoff: Timestamp,
        now: Timestamp,
    ) -> Result<u64, sqlx::Error> {
        let ends: Vec<(Uuid, i64)> = sqlx::query_as(
            "select stream, coalesce(min(seq) filter (where at >= $1) - 1, max(seq)) \
               from audit_events group by stream having min(at) < $1",
        )
        .bind(cutoff)
        .fetch_all(&mut self.0)
        .await?;
        let mut removed = 0;
        for (stream, seq) in ends {
            let mut transaction = self.0.begin().await?;
            let mac: Option<Vec<u8>> =
                sqlx::query_scalar("select mac from audit_events where stream = $1 and seq = $2")
                    .bind(stream)
                    .bind(seq)
                    .fetch_optional(&mut *transaction)
                    .await?;
            let Some(mac) = mac else { continue };
            let head = Head { stream: StreamId(stream), seq, kind: "pruned", at: now, mac: &mac };
            sqlx::query(
                "insert into audit_heads (stream, seq, kind, at, mac, signature) \
                 values ($1, $2, 'pruned', $3, $4, $5)",
            )
            .bind(stream)
            .bind(seq)
            .bind(now)
            .bind(&mac)
            .bind(key.sign(&head).as_slice())
            .execute(&mut *transaction)
            .await?;
            let done = sqlx::query("delete from audit_events where stream = $1 and seq <= $2")
                .bind(stream)
                .bind(seq)
                .execute(&mut *transaction)
                .await?;
            sqlx::query(
                "delete from audit_heads where stream = $1 and seq <= $2 and (kind = 'head' or seq < $2)",
            )
            .bind(stream)
            .bind(seq)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            removed += done.rows_affected();
        }
        Ok(removed)
    }
}

fn failed(doing: &'static str) -> impl Fn(sqlx::Error) -> OfflineError {
    move |source| OfflineError::Database { doing, source }
}
