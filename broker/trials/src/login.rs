//! Using a DSN for what it is for.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::call::Dsn;

/// Why a login failed.
pub(crate) struct Failure {
    /// Whether the server refused the user, rather than being away.
    pub(crate) refused: bool,
    pub(crate) error: String,
}

/// Logs in with the parameters of a DSN, asks for a row, and leaves.
pub(crate) async fn login(dsn: &Dsn, ca: &Path) -> Result<(), Failure> {
    let visit = async {
        if dsn.engine == "mysql" { visit_mysql(dsn, ca).await } else { visit_postgres(dsn, ca).await }
    };
    match tokio::time::timeout(PATIENCE, visit).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Failure { refused: is_refusal(&error), error: error.to_string() }),
        Err(_) => Err(Failure { refused: false, error: "no answer in time".to_owned() }),
    }
}

async fn visit_postgres(dsn: &Dsn, ca: &Path) -> Result<(), sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(dsn.text("host"))
        .port(dsn.port())
        .username(dsn.text("user"))
        .password(dsn.text("password"))
        .database(dsn.text("dbname"))
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(ca)
        .disable_statement_logging();
    let mut connection = PgConnection::connect_with(&options).await?;
    sqlx::query("select count(*) from app.orders").execute(&mut connection).await?;
    connection.close().await
}

async fn visit_mysql(dsn: &Dsn, ca: &Path) -> Result<(), sqlx::Error> {
    let options = MySqlConnectOptions::new()
        .host(dsn.text("host"))
        .port(dsn.port())
        .username(dsn.text("user"))
        .password(dsn.text("password"))
        .database(dsn.text("dbname"))
        .ssl_mode(MySqlSslMode::VerifyIdentity)
        .ssl_ca(ca)
        .disable_statement_logging();
    let mut connection = MySqlConnection::connect_with(&options).await?;
    sqlx::query("select count(*) from orders").execute(&mut connection).await?;
    connection.close().await
}

/// The user is gone, may not log in any more, or has another password.
fn is_refusal(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else { return false };
    let locked = error.try_downcast_ref::<MySqlDatabaseError>().is_some_and(|error| error.number() == LOCKED);
    // Class 28: invalid authorization.
    locked || error.code().is_some_and(|code| code.starts_with("28"))
}

impl Dsn {
    fn text(&self, name: &str) -> &str {
        self.parameters.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn port(&self) -> u16 {
        let port = self.parameters.get("port").and_then(Value::as_u64).unwrap_or_default();
        u16::try_from(port).unwrap_or_default()
    }
}

/// ER_ACCOUNT_HAS_BEEN_LOCKED, at MariaDB
const LOCKED: u16 = 4151;

const PATIENCE: Duration = Duration::from_secs(10);
