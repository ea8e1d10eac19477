//! Sessions of a workload's own driver, whatever it speaks, with nothing but a DSN to go by.

use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection, PgConnection};

pub enum Session {
    Postgres(PgConnection),
    Mysql(MySqlConnection),
}

impl Session {
    /// Logs in.
    pub async fn open(dsn: &str) -> Result<Self, String> {
        Self::log_in(Options::read(dsn)).await
    }

    /// Logs in with another password than the one that the DSN says.
    pub async fn open_with(dsn: &str, password: &str) -> Result<Self, String> {
        Self::log_in(match Options::read(dsn) {
            Options::Postgres(options) => Options::Postgres(options.password(password)),
            Options::Mysql(options) => Options::Mysql(options.password(password)),
        })
        .await
    }

    async fn log_in(options: Options) -> Result<Self, String> {
        let opened = match options {
            Options::Postgres(options) => PgConnection::connect_with(&options).await.map(Self::Postgres),
            Options::Mysql(options) => MySqlConnection::connect_with(&options).await.map(Self::Mysql),
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

/// What a DSN says, to the drivers.
enum Options {
    Postgres(PgConnectOptions),
    Mysql(MySqlConnectOptions),
}

impl Options {
    fn read(dsn: &str) -> Self {
        if dsn.starts_with("[client]") {
            return Self::Mysql(option_file(dsn));
        }
        match dsn.starts_with("mysql:") {
            true => Self::Mysql(dsn.parse().unwrap()),
            false => Self::Postgres(dsn.parse().unwrap()),
        }
    }
}

/// As MariaDB's own client reads it, which shows its password to a verified server that asks for it.
fn option_file(text: &str) -> MySqlConnectOptions {
    assert!(text.contains("ssl-verify-server-cert=1\n"), "{text}");
    let options =
        MySqlConnectOptions::new().ssl_mode(MySqlSslMode::VerifyIdentity).enable_cleartext_plugin(true);
    let lines = text.lines().filter_map(|line| line.strip_suffix('"')?.split_once("=\""));
    lines.fold(options, |options, (name, value)| match name {
        "host" => options.host(value),
        "port" => options.port(value.parse().unwrap()),
        "user" => options.username(value),
        "password" => options.password(value),
        "database" => options.database(value),
        "ssl-ca" => options.ssl_ca(value),
        _ => options,
    })
}

/// The server's code first, if it is the server that refuses.
fn words(error: &sqlx::Error) -> String {
    let sqlx::Error::Database(refusal) = error else { return error.to_string() };
    let number = refusal.try_downcast_ref::<MySqlDatabaseError>().map(|error| error.number().to_string());
    let code = number.or_else(|| refusal.code().map(Into::into)).unwrap_or_default();
    format!("{code} {}", refusal.message())
}
