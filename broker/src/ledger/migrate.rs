//! The ledger's schema, and what the broker's own user may do with it.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The ledger could not be reached.
    #[error("cannot connect to the ledger")]
    Connect(#[source] sqlx::Error),
    /// A migration failed.
    #[error("a migration of the ledger failed")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// The broker's user could not be given its privileges.
    #[error("cannot grant the ledger's tables to {user:?}; does that user exist?")]
    Grant {
        /// The broker's user.
        user: String,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

/// Brings the schema up to date as `owner`, and gives `writer` what the broker needs and no more: the
/// audit can be added to and read, but not changed and not removed.
pub async fn migrate(owner: &PgConnectOptions, writer: &str) -> Result<(), MigrateError> {
    let mut connection = owner.connect().await.map_err(MigrateError::Connect)?;
    MIGRATIONS.run(&mut connection).await.map_err(MigrateError::Migrate)?;
    if writer != owner.get_username() {
        grant(&mut connection, writer)
            .await
            .map_err(|source| MigrateError::Grant { user: writer.to_owned(), source })?;
    }
    Ok(())
}

async fn grant(connection: &mut PgConnection, writer: &str) -> Result<(), sqlx::Error> {
    let writer: String =
        sqlx::query_scalar("select quote_ident($1)").bind(writer).fetch_one(&mut *connection).await?;
    let grants = format!(
        "grant select on installation to {writer}; \
         grant select, insert, update on leases, passwords to {writer}; \
         grant select, insert on audit_events, audit_heads to {writer};"
    );
    sqlx::raw_sql(AssertSqlSafe(grants)).execute(connection).await.map(drop)
}
