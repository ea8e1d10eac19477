//! Passwords that outlive a process, sealed.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::chrono::{DateTime, Utc};

use crate::ledger::lease_row::{LeaseRow, lease_columns};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{DatabaseName, Lease};
use crate::time::Timestamp;

/// What is kept of a user's password.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct KeptPassword {
    /// The user.
    pub username: String,
    /// The password in force, sealed.
    pub secret: Option<Vec<u8>>,
    /// The password that is in force if its change was cut short, sealed.
    pub pending: Option<Vec<u8>>,
    /// When that change began, where only one can be under way.
    pub pending_at: Option<DateTime<Utc>>,
}

impl Ledger {
    /// What is kept of these users at `database`.
    pub async fn passwords(
        &self,
        database: &DatabaseName,
        usernames: &[String],
    ) -> Result<Vec<KeptPassword>, LedgerError> {
        let query = sqlx::query_as(
            "select username, secret, pending, pending_at from passwords where database = $1 and username = any($2)",
        )
        .bind(database.as_str())
        .bind(usernames)
        .fetch_all(&self.pool);
        self.bounded("reading passwords", query).await
    }

    /// Keeps a sealed password that is about to be set.
    pub async fn keep_pending(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let sql = "insert into passwords (database, username, pending, changed_at) values ($1, $2, $3, $4) \
             on conflict (database, username) do update set pending = excluded.pending";
        let query = about(sql, database, username, sealed).bind(now).execute(&self.pool);
        self.bounded("keeping a password that is about to be set", query).await.map(drop)
    }

    /// Keeps a sealed password that is about to be set, unless such a change began after `stale` and has not ended.
    pub async fn begin_change(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: &[u8],
        now: Timestamp,
        stale: Timestamp,
    ) -> Result<bool, LedgerError> {
        let sql = "insert into passwords (database, username, pending, pending_at, changed_at) \
             values ($1, $2, $3, $4, $4) on conflict (database, username) \
             do update set pending = excluded.pending, pending_at = excluded.pending_at \
             where passwords.pending is null or passwords.pending_at <= $5";
        let query = about(sql, database, username, sealed).bind(now).bind(stale).execute(&self.pool);
        let done = self.bounded("beginning to change a password", query).await?;
        Ok(done.rows_affected() == 1)
    }

    /// Forgets a sealed password that was about to be set: it was not, or is kept.
    pub async fn drop_pending(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: &[u8],
    ) -> Result<(), LedgerError> {
        let sql = "update passwords set pending = null, pending_at = null \
              where database = $1 and username = $2 and pending = $3";
        let query = about(sql, database, username, sealed).execute(&self.pool);
        self.bounded("forgetting a password that was about to be set", query).await.map(drop)
    }

    /// Keeps a sealed password that was set, in the place of the one before. That it was about to be set stays on
    /// record until [`Ledger::drop_pending`]: until then it is to be undone.
    pub async fn keep_made(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let sql = "insert into passwords (database, username, secret, changed_at) values ($1, $2, $3, $4) \
             on conflict (database, username) \
             do update set secret = excluded.secret, changed_at = excluded.changed_at";
        let query = about(sql, database, username, sealed).bind(now).execute(&self.pool);
        self.bounded("keeping a password that was set", query).await.map(drop)
    }

    /// Keeps a sealed password that was set, in the place of the one before.
    pub async fn keep_password(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<(), LedgerError> {
        let sql = "insert into passwords (database, username, secret, changed_at) values ($1, $2, $3, $4) \
             on conflict (database, username) \
             do update set secret = excluded.secret, pending = null, pending_at = null, \
                           changed_at = excluded.changed_at";
        let query = about(sql, database, username, sealed).bind(now).execute(&self.pool);
        self.bounded("keeping a password", query).await.map(drop)
    }

    /// The leases of these users' rotated passwords that have not ended, the newest first.
    pub async fn rotated(
        &self,
        database: &DatabaseName,
        usernames: &[String],
    ) -> Result<Vec<Lease>, LedgerError> {
        let query = sqlx::query_as::<_, LeaseRow>(concat!(
            "select ",
            lease_columns!(),
            " from leases where database = $1 and due_at is not null and handle ->> 'username' = any($2) \
               and handle ->> 'kind' = 'rotated_password' order by id desc"
        ))
        .bind(database.as_str())
        .bind(usernames)
        .fetch_all(&self.pool);
        let rows = self.bounded("looking for the leases of rotated passwords", query).await?;
        rows.into_iter().map(Lease::try_from).collect()
    }
}

/// A statement about what is kept of a user's password: `$1` is the database, `$2` the user, `$3` what is sealed.
fn about<'q>(
    sql: &'static str,
    database: &'q DatabaseName,
    username: &'q str,
    sealed: &'q [u8],
) -> Query<'q, Postgres, PgArguments> {
    sqlx::query(sql).bind(database.as_str()).bind(username).bind(sealed)
}
