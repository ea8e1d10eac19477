//! Finds out whether the ledger takes what is written to it, and leaves nothing behind.

use sqlx::postgres::PgPool;

use crate::entropy::SystemEntropy;
use crate::id::StreamId;
use crate::ledger::chain::START;
use crate::time::Timestamp;

/// Inserts an event of a stream that nobody has, and takes it back. A stream of its own each time: two replicas that
/// try at the same time do not wait for each other.
pub(super) async fn insert(pool: &PgPool, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into audit_events (stream, seq, at, action, detail, mac) values ($1, 1, $2, 'probe', '{}', $3)",
    )
    .bind(StreamId::new(now, &SystemEntropy).0)
    .bind(now)
    .bind(START.as_slice())
    .execute(&mut *transaction)
    .await?;
    transaction.rollback().await
}
