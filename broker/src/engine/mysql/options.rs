//! How the broker connects, and whom it trusts.

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::config::{Ca, Database, TlsMode, Verified};
use crate::engine::BuildError;
use crate::engine::postgres::Login;

/// Everything but the password. No database: the broker's user need not be able to look into any.
pub(super) fn connect_options(database: &Database, login: &Login) -> Result<MySqlConnectOptions, BuildError> {
    let endpoint = database
        .endpoints
        .get(&login.endpoint)
        .ok_or_else(|| BuildError::NoEndpoint { endpoint: login.endpoint.to_string() })?;
    let options = MySqlConnectOptions::new()
        .host(&login.host)
        .port(login.port)
        .username(&login.username)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        // The driver would log whole statements, and with them passwords.
        .disable_statement_logging();
    match endpoint.directly(database) {
        Verified::Certificate(mode, ca) => {
            // Never to a server that anybody with a certificate of that CA could pose as.
            let shows_token = login.password.is_token() && mode == TlsMode::VerifyFull;
            trust(options.ssl_mode(ssl_mode(mode)).enable_cleartext_plugin(shows_token), ca)
        }
        // A proxy's business, and the broker goes through none.
        Verified::Nothing => Ok(options.ssl_mode(MySqlSslMode::VerifyIdentity)),
    }
}

fn ssl_mode(mode: TlsMode) -> MySqlSslMode {
    match mode {
        TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
    }
}

fn trust(options: MySqlConnectOptions, ca: &Ca) -> Result<MySqlConnectOptions, BuildError> {
    match ca {
        Ca::System => Ok(options),
        // Read again for each connection, so that a replaced CA is noticed. Tried once here, so that a wrong path is, too.
        Ca::File(path) => match std::fs::File::open(path) {
            Ok(_) => Ok(options.ssl_ca(path)),
            Err(source) => Err(BuildError::Ca { path: path.clone(), source }),
        },
    }
}
