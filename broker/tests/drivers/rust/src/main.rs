//! Opens a session for each case with the lines that come with its format, and says whose it is.
//!
//! Reads a JSON array of cases, and writes a JSON object a line: see tests/it/drivers.rs. The lines are here as the broker
//! hands them out; tests/it/drivers/rust.rs sees to that.

mod open;

use std::error::Error;

use diesel_async::RunQueryDsl as _;
use mysql_async::prelude::Queryable as _;
use sea_orm::ConnectionTrait as _;
use serde::{Deserialize, Serialize};

/// The question of Diesel with a parameter: what is prepared for it on one server connection of a pooler is not there on the
/// next.
macro_rules! question {
    () => {
        diesel::sql_query(format!("{POSTGRES} and 1 = $1")).bind::<diesel::sql_types::Integer, _>(1)
    };
}

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// A connection to make.
#[derive(Deserialize)]
struct Case {
    id: String,
    format: String,
    protocol: String,
    dsn: String,
    ca_pem: Option<String>,
    pooled: bool,
}

/// What came of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Outcome {
    Session { id: String, user: String, encrypted: bool, asked: usize },
    Error { id: String, error: String },
    Skipped { id: String, skipped: &'static str },
}

const POSTGRES: &str = "select current_user::text, ssl from pg_stat_ssl where pid = pg_backend_pid()";
const MYSQL: &str = "select substring_index(current_user(), '@', 1), \
    cast((select variable_value <> '' from information_schema.session_status where variable_name = 'Ssl_cipher') as signed)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let cases: Vec<Case> = serde_json::from_reader(std::io::stdin())?;
    for case in cases {
        let asked = if case.pooled { TIMES } else { 1 };
        let answer = ask(&case, asked).await;
        let id = case.id;
        let outcome = match answer {
            Ok(Some((user, encrypted))) => Outcome::Session { id, user, encrypted, asked },
            Ok(None) => Outcome::Skipped { id, skipped: "it needs the header files of libpq" },
            Err(error) => Outcome::Error { id, error: chain(&*error) },
        };
        println!("{}", serde_json::to_string(&outcome)?);
    }
    Ok(())
}

/// The user of the session, and whether it is encrypted; nothing where the driver is not there.
async fn ask(case: &Case, times: usize) -> Result<Option<(String, bool)>> {
    let (dsn, ca_pem) = (&*case.dsn, case.ca_pem.as_deref());
    let who = match (&*case.format, &*case.protocol) {
        ("sqlx", "postgres") => sqlx::query_as(POSTGRES).fetch_one(&open::sqlx_postgres(dsn).await?).await?,
        ("sqlx", _) => {
            let (user, encrypted): (String, i64) =
                sqlx::query_as(MYSQL).fetch_one(&open::sqlx_mysql(dsn).await?).await?;
            (user, encrypted == 1)
        }
        ("sea-orm", protocol) => {
            let db = open::sea_orm(dsn).await?;
            let query = if protocol == "postgres" { POSTGRES } else { MYSQL };
            let statement = sea_orm::Statement::from_string(db.get_database_backend(), query);
            let row = db.query_one_raw(statement).await?.ok_or("no row")?;
            let encrypted = match protocol {
                "postgres" => row.try_get_by_index(1)?,
                _ => row.try_get_by_index::<i64>(1)? == 1,
            };
            (row.try_get_by_index(0)?, encrypted)
        }
        ("tokio-postgres", _) => {
            let row = open::tokio_postgres(dsn, ca_pem).await?.query_one(POSTGRES, &[]).await?;
            (row.try_get(0)?, row.try_get(1)?)
        }
        ("deadpool-postgres", _) => {
            let row = open::deadpool_postgres(dsn, ca_pem)?.get().await?.query_one(POSTGRES, &[]).await?;
            (row.try_get(0)?, row.try_get(1)?)
        }
        ("diesel-async", _) => {
            let mut connection = open::diesel_async(dsn, ca_pem).await?;
            question!().get_result::<Who>(&mut connection).await?.into()
        }
        #[cfg(feature = "libpq")]
        ("diesel", _) => {
            let mut connection = if case.pooled { open::diesel_pooled(dsn)? } else { open::diesel(dsn)? };
            for _ in 1..times {
                diesel::RunQueryDsl::get_result::<Who>(question!(), &mut connection)?;
            }
            diesel::RunQueryDsl::get_result::<Who>(question!(), &mut connection)?.into()
        }
        #[cfg(not(feature = "libpq"))]
        ("diesel", _) => return Ok(None),
        ("mysql-async", _) => {
            let mut connection = match ca_pem {
                Some(_) => open::mysql_async_private(dsn, ca_pem).await?,
                None => open::mysql_async(dsn).await?,
            };
            connection.query_first(MYSQL).await?.ok_or("no row")?
        }
        (format, _) => return Err(format!("the program does not know {format}").into()),
    };
    Ok(Some(who))
}

/// How often it is asked through a pooler.
const TIMES: usize = 10;

/// A row of Diesel.
#[derive(diesel::QueryableByName)]
struct Who {
    #[diesel(sql_type = diesel::sql_types::Text)]
    current_user: String,
    #[diesel(sql_type = diesel::sql_types::Bool)]
    ssl: bool,
}

impl From<Who> for (String, bool) {
    fn from(Who { current_user, ssl }: Who) -> Self {
        (current_user, ssl)
    }
}

fn chain(mut error: &dyn Error) -> String {
    let mut text = error.to_string();
    while let Some(cause) = error.source() {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        error = cause;
    }
    text
}
