//! Reading leases, and claiming the work that they are.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::id::{ClaimToken, LeaseId};
use crate::ledger::lease_row::{LeaseRow, lease_columns, text_of};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{DatabaseName, IssuerName, Lease, LeaseState, RoleName};
use crate::time::Timestamp;

/// Which leases are asked for: those to which every given part applies.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this issuer.
    pub issuer: Option<IssuerName>,
    /// Of this subject.
    pub subject: Option<String>,
    /// For this role.
    pub role: Option<RoleName>,
    /// At this database.
    pub database: Option<DatabaseName>,
    /// In this state.
    pub state: Option<LeaseState>,
    /// Whether only those that have not ended.
    pub live: bool,
    /// Older than this one: the cursor of a page.
    pub before: Option<LeaseId>,
}

/// A lease that this process may end, until the claim runs out.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The lease.
    pub lease: Lease,
    /// The claim.
    pub token: ClaimToken,
    /// How often it was claimed, this time included.
    pub attempts: u32,
    /// The key under which it is shared.
    pub cache_key: String,
}

/// A lease that could not be ended so far.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Stuck {
    /// The lease.
    pub lease_id: LeaseId,
    /// The user that still exists.
    pub username: String,
    /// How often it was tried.
    pub attempts: i32,
    /// How it failed the last time.
    pub last_error: Option<String>,
    /// When it is tried next.
    #[schema(value_type = String, format = DateTime)]
    pub next_try_at: Timestamp,
}

impl Ledger {
    /// One lease.
    pub async fn lease(&self, id: LeaseId) -> Result<Option<Lease>, LedgerError> {
        let query =
            sqlx::query_as::<_, LeaseRow>(concat!("select ", lease_columns!(), " from leases where id = $1"));
        let row = self.bounded("reading a lease", query.bind(id.0).fetch_optional(&self.pool)).await?;
        row.map(Lease::try_from).transpose()
    }

    /// Leases, the newest first, at most `limit`.
    pub async fn leases(&self, filter: &Filter, limit: u32) -> Result<Vec<Lease>, LedgerError> {
        let mut query = QueryBuilder::new(concat!("select ", lease_columns!(), " from leases where true"));
        push_filter(&mut query, filter);
        query.push(" order by id desc limit ").push_bind(i64::from(limit));
        let rows = query.build_query_as::<LeaseRow>().fetch_all(&self.pool);
        self.bounded("listing leases", rows).await?.into_iter().map(Lease::try_from).collect()
    }

    /// Claims leases at `database` that are due, for `hold`; nobody else works on them until then.
    pub async fn claim_due(
        &self,
        database: &DatabaseName,
        limit: u32,
        token: ClaimToken,
        now: Timestamp,
        hold: Duration,
    ) -> Result<Vec<Claimed>, LedgerError> {
        let query = sqlx::query_as::<_, ClaimedRow>(concat!(
            "with due as ( \
               select id from leases \
                where database = $1 and due_at <= $2 and (claimed_until is null or claimed_until <= $2) \
                order by due_at limit $3 for update skip locked) \
             update leases set claim = $4, claimed_until = $5, attempts = attempts + 1 \
               from due where leases.id = due.id \
             returning ",
            lease_columns!(),
            ", leases.attempts, leases.cache_key"
        ))
        .bind(database.as_str())
        .bind(now)
        .bind(i64::from(limit))
        .bind(token.0)
        .bind(now + hold);
        let rows = self.bounded("claiming due leases", query.fetch_all(&self.pool)).await?;
        // One row that is not what it should be does not keep the others from their end.
        let readable = |row: ClaimedRow| {
            row.claimed(token).map_err(|error| tracing::error!(%error, "a due lease cannot be ended"))
        };
        Ok(rows.into_iter().filter_map(|row| readable(row).ok()).collect())
    }

    /// Claims one lease, due or not, unless it has ended or somebody works on it.
    pub async fn claim(
        &self,
        id: LeaseId,
        token: ClaimToken,
        now: Timestamp,
        hold: Duration,
    ) -> Result<Option<Claimed>, LedgerError> {
        let query = sqlx::query_as::<_, ClaimedRow>(concat!(
            "update leases set claim = $2, claimed_until = $4, attempts = attempts + 1 \
              where id = $1 and due_at is not null and (claimed_until is null or claimed_until <= $3) \
             returning ",
            lease_columns!(),
            ", leases.attempts, leases.cache_key"
        ))
        .bind(id.0)
        .bind(token.0)
        .bind(now)
        .bind(now + hold);
        let row = self.bounded("claiming a lease", query.fetch_optional(&self.pool)).await?;
        row.map(|row| row.claimed(token)).transpose()
    }

    /// Gives a claim back, the lease being as it was.
    pub async fn release(&self, id: LeaseId, token: ClaimToken) -> Result<(), LedgerError> {
        let query = sqlx::query(
            "update leases set claim = null, claimed_until = null, attempts = 0 where id = $1 and claim = $2",
        )
        .bind(id.0)
        .bind(token.0)
        .execute(&self.pool);
        self.bounded("giving a claim back", query).await.map(drop)
    }

    /// When the next lease at `database` is due, as far as it is known now.
    pub async fn next_due(&self, database: &DatabaseName) -> Result<Option<Timestamp>, LedgerError> {
        let query = sqlx::query_scalar(
            "select due_at from leases where database = $1 and due_at is not null order by due_at limit 1",
        )
        .bind(database.as_str())
        .fetch_optional(&self.pool);
        self.bounded("asking what is due next", query).await
    }

    /// Makes a lease that has not ended due now.
    pub async fn condemn(&self, id: LeaseId, now: Timestamp) -> Result<(), LedgerError> {
        let query =
            sqlx::query("update leases set due_at = $2 where id = $1 and due_at > $2 and claim is null")
                .bind(id.0)
                .bind(now)
                .execute(&self.pool);
        self.bounded("condemning a lease", query).await.map(drop)
    }

    /// Makes the leases that match and are not active due at once: those that drain end now, and those that are
    /// pending never come to life, because of the claim, which has run out already and is anyone's to take.
    pub async fn condemn_all(
        &self,
        filter: &Filter,
        token: ClaimToken,
        now: Timestamp,
    ) -> Result<u64, LedgerError> {
        let mut query = QueryBuilder::new("update leases set due_at = ");
        query.push_bind(now).push(", claimed_until = ").push_bind(now).push(", claim = ").push_bind(token.0);
        query.push(
            " where id in (select id from leases where state in ('pending', 'draining') and claim is null",
        );
        push_filter(&mut query, filter);
        query.push(" order by id for update)");
        let done = self.bounded("condemning leases", query.build().execute(&self.pool)).await?;
        Ok(done.rows_affected())
    }

    /// How many leases there are at each database in each state that has not ended.
    pub async fn live_counts(&self) -> Result<HashMap<(String, String), i64>, LedgerError> {
        let query = sqlx::query_as::<_, (String, String, i64)>(
            "select database, state, count(*) from leases where due_at is not null group by database, state",
        )
        .fetch_all(&self.pool);
        let rows = self.bounded("counting leases", query).await?;
        Ok(rows.into_iter().map(|(database, state, count)| ((database, state), count)).collect())
    }

    /// Which of these user names at `database` have a lease that has not ended.
    pub async fn accounted_for(
        &self,
        database: &DatabaseName,
        usernames: &[String],
    ) -> Result<Vec<String>, LedgerError> {
        let query = sqlx::query_scalar(
            "select handle ->> 'username' from leases \
              where database = $1 and due_at is not null and handle ->> 'username' = any($2)",
        )
        .bind(database.as_str())
        .bind(usernames)
        .fetch_all(&self.pool);
        self.bounded("looking for the leases of users", query).await
    }

    /// Leases at `database` that could not be ended so far, at most `limit`.
    pub async fn stuck(&self, database: &DatabaseName, limit: u32) -> Result<Vec<Stuck>, LedgerError> {
        let query = sqlx::query_as::<_, (Uuid, String, i32, Option<String>, Timestamp)>(
            "select id, handle ->> 'username', attempts, last_error, due_at from leases \
              where database = $1 and due_at is not null and last_error is not null \
              order by due_at limit $2",
        )
        .bind(database.as_str())
        .bind(i64::from(limit))
        .fetch_all(&self.pool);
        let rows = self.bounded("listing stuck revocations", query).await?;
        Ok(rows
            .into_iter()
            .map(|(id, username, attempts, last_error, next_try_at)| Stuck {
                lease_id: LeaseId(id),
                username,
                attempts,
                last_error,
                next_try_at,
            })
            .collect())
    }
}

#[derive(sqlx::FromRow)]
struct ClaimedRow {
    #[sqlx(flatten)]
    lease: LeaseRow,
    attempts: i32,
    cache_key: String,
}

impl ClaimedRow {
    fn claimed(self, token: ClaimToken) -> Result<Claimed, LedgerError> {
        Ok(Claimed {
            lease: self.lease.try_into()?,
            token,
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            cache_key: self.cache_key,
        })
    }
}

fn push_filter(query: &mut QueryBuilder<sqlx::Postgres>, filter: &Filter) {
    let Filter { issuer, subject, role, database, state, live, before } = filter;
    if let Some(issuer) = issuer {
        query.push(" and issuer = ").push_bind(issuer.as_str().to_owned());
    }
    if let Some(subject) = subject {
        query.push(" and subject = ").push_bind(subject.clone());
    }
    if let Some(role) = role {
        query.push(" and role = ").push_bind(role.as_str().to_owned());
    }
    if let Some(database) = database {
        query.push(" and database = ").push_bind(database.as_str().to_owned());
    }
    if let Some(state) = state {
        query.push(" and state = ").push_bind(text_of(state));
    }
    if *live {
        query.push(" and due_at is not null");
    }
    if let Some(before) = before {
        query.push(" and id < ").push_bind(before.0);
    }
}
