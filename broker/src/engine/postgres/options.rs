//! How the broker connects: whom it trusts, and what its sessions are set to.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::config::{Ca, Database, TlsMode};
use crate::engine::BuildError;
use crate::engine::postgres::Login;

/// Everything but the password.
pub(super) fn connect_options(database: &Database, login: &Login) -> Result<PgConnectOptions, BuildError> {
    let tls = database.endpoints.get(&login.endpoint).and_then(|endpoint| endpoint.tls.as_ref());
    let mode = tls.map_or(TlsMode::VerifyFull, |tls| tls.mode);
    let ca = tls.and_then(|tls| tls.ca.as_ref()).unwrap_or(&database.tls.ca);
    let options = PgConnectOptions::new_without_pgpass()
        .host(&login.host)
        .port(login.port)
        .username(&login.username)
        .database(&database.dbname)
        .application_name("dsn-broker")
        .ssl_mode(match mode {
            TlsMode::VerifyFull => PgSslMode::VerifyFull,
            TlsMode::VerifyCa => PgSslMode::VerifyCa,
        })
        .options(settings(database.timeout.0))
        // The driver would log whole statements, and with them verifiers.
        .disable_statement_logging();
    trust(options, ca)
}

fn trust(options: PgConnectOptions, ca: &Ca) -> Result<PgConnectOptions, BuildError> {
    match ca {
        // No file: also not the one that the environment may name.
        Ca::System => Ok(options.ssl_root_cert_from_pem(Vec::new())),
        // Read again for each connection, so that a replaced CA is noticed. Tried once here, so that a wrong path is, too.
        Ca::File(path) => match std::fs::File::open(path) {
            Ok(_) => Ok(options.ssl_root_cert(path)),
            Err(source) => Err(BuildError::Ca { path: path.clone(), source }),
        },
    }
}

/// What each session is set to. The server ends what we no longer wait for.
fn settings(timeout: Duration) -> [(&'static str, String); 6] {
    let milliseconds = timeout.as_millis().max(1);
    [
        // Whoever may create things in some schema must not be able to put functions of his into our statements.
        ("search_path", "pg_catalog".to_owned()),
        ("standard_conforming_strings", "on".to_owned()),
        ("client_min_messages", "error".to_owned()),
        ("statement_timeout", milliseconds.to_string()),
        // Short enough that trying again fits into the time there is.
        ("lock_timeout", (milliseconds / 4).max(1).to_string()),
        ("idle_in_transaction_session_timeout", milliseconds.to_string()),
    ]
}
