//! The engine for MySQL, on a real MariaDB.

mod create;
mod inspect;
mod outage;
mod remove;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use devstack::MariaDb;
use dsn_broker::config::{Database, DynamicUser, SecretRef};
use dsn_broker::engine::{DynamicUsers, Engine, EngineError, NewUser, Tools, mysql};
use dsn_broker::entropy::{self, SystemEntropy};
use dsn_broker::model::{Credential, Handle};
use dsn_broker::time::SystemClock;
use serde_json::{Value, json};
use sqlx::{Connection as _, MySqlConnection};

use crate::stand::mariadb::{ADMIN, admin_password, mariadb};
use crate::stand::unique;

/// A server and the engine for it.
struct Server {
    mariadb: &'static MariaDb,
    engine: Engine,
}

/// The server that tests share.
async fn server() -> Server {
    let mariadb = mariadb().await;
    Server { mariadb, engine: engine(&database(mariadb), admin_password()) }
}

impl Server {
    fn users(&self) -> &dyn DynamicUsers {
        self.engine.dynamic_users.as_deref().unwrap()
    }

    /// Creates a user with a new password.
    async fn create(&self, username: &str, spec: &DynamicUser) -> Made {
        self.try_create(username, spec).await.unwrap()
    }

    async fn try_create(&self, username: &str, spec: &DynamicUser) -> Result<Made, EngineError> {
        let (password, parameters) = (entropy::password(&SystemEntropy), BTreeMap::new());
        let ttl = Duration::from_secs(900);
        let user = NewUser { name: username, password: &password, spec, parameters: &parameters, ttl };
        let credential = self.users().create(&user).await?.credential;
        Ok(Made { handle: self.users().handle(username, spec), credential })
    }

    /// A session of the user in the database `shop`.
    async fn connect(&self, made: &Made) -> Result<MySqlConnection, sqlx::Error> {
        let Credential { username, password, .. } = &made.credential;
        MySqlConnection::connect(&self.mariadb.url(username, password.expose(), "shop")).await
    }

    /// What the superuser sees.
    async fn see(&self, sql: &str) -> String {
        self.mariadb.query_text("", sql).await.unwrap()
    }

    /// How many sessions the user has.
    async fn sessions(&self, made: &Made) -> usize {
        let user = &made.credential.username;
        let sql = format!("select count(*) from information_schema.processlist where user = '{user}'");
        self.see(&sql).await.parse().unwrap()
    }

    async fn exists(&self, username: &str) -> bool {
        self.users().list(username).await.unwrap().iter().any(|name| name == username)
    }
}

#[derive(Debug)]
struct Made {
    handle: Handle,
    credential: Credential,
}

/// A database's configuration, through the endpoint `primary`.
fn database(server: &MariaDb) -> Database {
    serde_json::from_value(json!({
        "engine": "mysql",
        "endpoints": { "primary": { "host": server.host(), "port": server.port() } },
        "dbname": "shop",
        "tls": { "ca": { "file": server.ca_path() } },
        "admin": { "username": ADMIN, "password": { "env": "UNUSED" } },
        "timeout": "20s",
    }))
    .unwrap()
}

fn engine(database: &Database, password: &str) -> Engine {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(password.as_bytes()).unwrap();
    let mut database = database.clone();
    database.admin.as_mut().unwrap().password = Some(SecretRef::File(file.path().to_owned()));
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let tools = Tools { clock, entropy, kept: Arc::new(crate::stand::NothingKept) };
    mysql::engine(&database, &tools).unwrap()
}

fn member(role: &str) -> DynamicUser {
    DynamicUser { member_of: vec![role.to_owned()], ..DynamicUser::default() }
}

fn privileges(privileges: Value) -> DynamicUser {
    DynamicUser { privileges: serde_json::from_value(privileges).unwrap(), ..DynamicUser::default() }
}

/// The name of a user that no other test has.
fn username() -> String {
    format!("dsn_test_{}", unique())
}

async fn run_in(session: &mut MySqlConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(session).await.map(drop)
}

/// The number of the server's refusal.
fn number<T>(result: Result<T, sqlx::Error>) -> u16 {
    let Err(sqlx::Error::Database(error)) = result else { panic!("the server did not refuse it") };
    error.downcast_ref::<sqlx::mysql::MySqlDatabaseError>().number()
}

fn refused<T>(result: Result<T, EngineError>) -> String {
    match result {
        Err(EngineError::Refused { detail }) => detail,
        Err(other) => panic!("not refused: {other}"),
        Ok(_) => panic!("done"),
    }
}

fn unavailable<T>(result: Result<T, EngineError>) -> String {
    match result {
        Err(EngineError::Unavailable { detail }) => detail,
        Err(other) => panic!("not unavailable: {other}"),
        Ok(_) => panic!("done"),
    }
}

/// ER_ACCESS_DENIED_ERROR
const ACCESS_DENIED: u16 = 1045;

/// ER_TABLEACCESS_DENIED_ERROR
const TABLE_DENIED: u16 = 1142;

/// ER_ACCOUNT_HAS_BEEN_LOCKED, at MariaDB
const LOCKED: u16 = 4151;
