//! Sessions of a workload's own driver, whatever it speaks, with nothing but a DSN to go by.

use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

pub enum Session {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

impl Session {
    /// Logs in.
    pub async fn open(dsn: &str) -> Result<Self, String> {
        let opened = match dsn.starts_with("mysql:") {
            true => MySqlConnection::connect(dsn).await.map(Self::Mysql),
            false => PgConnection::connect(dsn).await.map(Self::Postgres),
        };
        opened.map_err(|error| words(&error))
    }

    /// Carries out a statement.
    pub async fn run(&mut self, sql: &str) -> Result<(), String> {
        let done = match self {
            Self::Postgres(session) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map(drop),
            Self::Mysql(session) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(session).await.map(drop),
        };
        done.map_err(|error| words(&error))
    }
}

/// The server's code first, if it is the server that refuses.
fn words(error: &sqlx::Error) -> String {
    let sqlx::Error::Database(refusal) = error else { return error.to_string() };
    let number = refusal.try_downcast_ref::<MySqlDatabaseError>().map(|error| error.number().to_string());
    let code = number.or_else(|| refusal.code().map(Into::into)).unwrap_or_default();
    format!("{code} {}", refusal.message())
}
