//! The engine for Postgres, on every version that this machine has.

mod create;
mod inspect;
mod outage;
mod remove;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use devstack::{Postgres, PostgresBuilder, Version};
use dsn_broker::config::{Ca, Database, DynamicUser, EndpointTls, SecretRef, Span};
use dsn_broker::engine::{
    BuildError, DynamicUsers, Engine, EngineError, KeptPasswords, NewUser, Tools, postgres,
};
use dsn_broker::entropy::{self, SystemEntropy};
use dsn_broker::model::{Credential, Handle};
use dsn_broker::secret::Secret;
use dsn_broker::time::SystemClock;
use futures_util::future::BoxFuture;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::process::Command;
use tokio::sync::OnceCell;

const ADMIN: &str = "broker_admin";
const ADMIN_PASSWORD: &str = "Admin-password-1";

/// A server with an application's databases and groups, and a broker's user as the documentation wants it.
struct Server {
    postgres: Postgres,
    engine: Engine,
}

/// One server of each version on this machine, shared by the tests that break nothing.
async fn servers() -> &'static [Server] {
    static SERVERS: OnceCell<Vec<Server>> = OnceCell::const_new();
    SERVERS
        .get_or_init(|| async {
            let mut servers = Vec::new();
            for (major, _) in Postgres::available() {
                if (13..=18).contains(&major) {
                    servers.push(Server::start(builder().version(Version::Major(major))).await);
                }
            }
            assert!(!servers.is_empty(), "no Postgres on this machine");
            servers
        })
        .await
}

/// A server that says everything that it is asked, and loses it in a power cut.
fn builder() -> PostgresBuilder {
    Postgres::builder()
        .durable(false)
        .setting("log_statement", "all")
        .setting("max_prepared_transactions", "5")
}

impl Server {
    async fn start(builder: PostgresBuilder) -> Self {
        let postgres = builder.start().await.unwrap();
        postgres.execute("postgres", ROLES).await.unwrap();
        postgres.execute("app", TABLES).await.unwrap();
        if postgres.major() >= 16 {
            // The least that is enough: the broker's user has none of these privileges itself.
            let grant = "GRANT app_ro, app_rw, app_owner, app_maker, \"o'd\"\"d\" TO broker_admin \
                         WITH ADMIN TRUE, INHERIT FALSE, SET FALSE";
            postgres.execute("postgres", grant).await.unwrap();
        }
        let engine = engine(&database(&postgres), ADMIN_PASSWORD);
        Self { postgres, engine }
    }

    fn users(&self) -> &dyn DynamicUsers {
        self.engine.dynamic_users.as_deref().unwrap()
    }

    /// Creates a user with a new password.
    async fn create(&self, username: &str, spec: &DynamicUser) -> Made {
        self.try_create(username, spec, &[]).await.unwrap()
    }

    async fn try_create(
        &self,
        username: &str,
        spec: &DynamicUser,
        parameters: &[(&str, &str)],
    ) -> Result<Made, EngineError> {
        let password = entropy::password(&SystemEntropy);
        let parameters: BTreeMap<_, _> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (password, ttl) = (&password, Duration::from_secs(900));
        let user = NewUser { name: username, password, spec, parameters: &parameters, ttl };
        let credential = self.users().create(&user).await?.credential;
        Ok(Made { handle: self.users().handle(username, spec), credential })
    }

    /// A session of the user.
    async fn connect(&self, made: &Made, database: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect(&self.url(made, database)).await
    }

    fn url(&self, made: &Made, database: &str) -> String {
        let user: String = made.credential.username.bytes().map(|byte| format!("%{byte:02x}")).collect();
        self.postgres.url(&user, made.credential.password.expose(), database)
    }

    /// What the superuser sees.
    async fn see(&self, database: &str, sql: &str) -> String {
        self.postgres.query_text(database, sql).await.unwrap()
    }

    async fn exists(&self, username: &str) -> bool {
        self.users().list(username).await.unwrap().iter().any(|name| name == username)
    }
}

struct Made {
    handle: Handle,
    credential: Credential,
}

/// A database's configuration, through the endpoint `primary`.
fn database(server: &Postgres) -> Database {
    serde_json::from_value(json!({
        "engine": "postgres",
        "endpoints": { "primary": { "host": server.host(), "port": server.port(), "connect_timeout": "5s" } },
        "dbname": "app",
        "tls": { "ca": { "file": server.ca_path() } },
        "admin": { "username": ADMIN, "password": { "env": "UNUSED" } },
        "timeout": "20s",
    }))
    .unwrap()
}

struct NothingKept;

impl KeptPasswords for NothingKept {
    fn of<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Vec<Secret>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

fn engine(database: &Database, password: &str) -> Engine {
    try_engine(database, password).unwrap()
}

fn try_engine(database: &Database, password: &str) -> Result<Engine, BuildError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(password.as_bytes()).unwrap();
    let mut database = database.clone();
    database.admin.as_mut().unwrap().password = Some(SecretRef::File(file.path().to_owned()));
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let tools = Tools { clock, entropy, kept: Arc::new(NothingKept) };
    postgres::engine(&database, &tools)
}

fn spec(member_of: &[&str]) -> DynamicUser {
    let member_of = member_of.iter().map(|group| (*group).to_owned()).collect();
    DynamicUser { member_of, ..DynamicUser::default() }
}

/// What `psql` says to one statement.
async fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", sql])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

async fn one(session: &mut PgConnection, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(session).await.unwrap()
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

const ROLES: &str = "
    CREATE ROLE broker_admin LOGIN CREATEROLE PASSWORD 'Admin-password-1';
    CREATE ROLE app_ro; CREATE ROLE app_rw; CREATE ROLE app_owner; CREATE ROLE app_maker;
    CREATE ROLE \"o'd\"\"d\";
    CREATE DATABASE app; CREATE DATABASE other; CREATE DATABASE third;";

const TABLES: &str = "
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    CREATE SCHEMA app AUTHORIZATION app_owner;
    CREATE TABLE app.orders (id int); CREATE TABLE app.items (id int); CREATE VIEW app.all_items AS SELECT * FROM app.items;
    GRANT USAGE ON SCHEMA app TO app_ro, app_rw, app_maker;
    GRANT CREATE ON SCHEMA app TO app_maker;
    GRANT SELECT ON ALL TABLES IN SCHEMA app TO app_ro, app_rw;
    GRANT INSERT, UPDATE ON app.orders TO app_rw;";
