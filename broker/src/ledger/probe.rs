//! Finds out whether the ledger takes what is written to it, and leaves nothing behind.

use sqlx::postgres::PgPool;
use uuid::Uuid;

use crate::ledger::chain::START;
use crate::time::Timestamp;

/// Inserts an event of nobody's stream, and takes it back.
pub(super) async fn insert(pool: &PgPool, now: Timestamp) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "insert into audit_events (stream, seq, at, action, detail, mac) values ($1, 1, $2, 'probe', '{}', $3)",
    )
    .bind(Uuid::nil())
    .bind(now)
    .bind(START.as_slice())
    .execute(&mut *transaction)
    .await?;
    transaction.rollback().await
}
