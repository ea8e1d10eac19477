//! Using a DSN for what it is for.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{ConnectOptions as _, Connection as _};

/// Why a login failed.
pub(crate) struct Failure {
    /// Whether the server refused the user, rather than being away.
    pub(crate) refused: bool,
    pub(crate) error: String,
}

/// Logs in with the parameters of a DSN, asks for a row, and leaves.
pub(crate) async fn login(parameters: &Value, ca: &Path) -> Result<(), Failure> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let port = parameters.get("port").and_then(Value::as_u64).unwrap_or_default();
    let options = PgConnectOptions::new_without_pgpass()
        .host(text("host"))
        .port(u16::try_from(port).unwrap_or_default())
        .username(text("user"))
        .password(text("password"))
        .database(text("dbname"))
        .ssl_mode(PgSslMode::VerifyFull)
        .ssl_root_cert(ca)
        .disable_statement_logging();
    let visit = async {
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query("select count(*) from app.orders").execute(&mut connection).await?;
        connection.close().await
    };
    match tokio::time::timeout(PATIENCE, visit).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let code = error.as_database_error().and_then(|error| error.code());
            // Class 28: invalid authorization. The user is gone, may not log in any more, or has another password.
            let refused = code.is_some_and(|code| code.starts_with("28"));
            Err(Failure { refused, error: error.to_string() })
        }
        Err(_) => Err(Failure { refused: false, error: "no answer in time".to_owned() }),
    }
}

const PATIENCE: Duration = Duration::from_secs(10);
