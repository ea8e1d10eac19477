//! What a mint does at a provider, done without the broker.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use devstack::{Provided, Running};
use serde_json::{Value, json};
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::Instant;

use super::rig::Rig;

/// How the users of a role are made. In all texts `{user}` is the user.
pub(super) enum Direct {
    /// By these calls of an API, one after the other.
    Calls(Vec<Call>),
    /// By these statements, at once.
    Postgres(Box<PgConnectOptions>, &'static str),
    /// The same at MariaDB.
    Mysql(String, &'static str),
}

/// A `POST`.
#[derive(Clone)]
pub(super) struct Call {
    url: String,
    authorization: String,
    body: Value,
}

impl Direct {
    /// How it is done for this role, if anything has to be done.
    pub(super) fn of(rig: &Rig, provided: &Provided, role: &str) -> anyhow::Result<Option<Self>> {
        let database = |name: &str| provided.databases.get(name).context("no such database");
        Ok(Some(match (&provided.running, role) {
            (Running::Planetscale(_), "planetscale-postgres-user") => {
                let body = json!({ "name": "{user}", "ttl": 960, "inherited_roles": ["pg_read_all_data"] });
                Self::planetscale(database("planetscale-postgres")?, "shop", "roles", body)?
            }
            (Running::Planetscale(_), _) => {
                let body = json!({ "name": "{user}", "ttl": 960, "role": "reader", "replica": false });
                Self::planetscale(database("planetscale-mysql")?, "store", "passwords", body)?
            }
            (Running::Db9(db9), role) => {
                let url = format!("{}/customer/databases/{}", db9.api().url(), db9.tenant());
                let call = |path: &str, body: Value| Call {
                    url: format!("{url}/{path}"),
                    authorization: format!("Bearer {}", db9.token()),
                    body,
                };
                let sql = |query: &str| call("sql", json!({ "query": query }));
                Self::Calls(match role {
                    "db9-token" => vec![call("connect-token", json!({ "role": "orders_app" }))],
                    _ => vec![
                        call("users", json!({ "username": "{user}", "password": PASSWORD })),
                        sql("GRANT \"orders_ro\" TO \"{user}\""),
                        sql("SELECT (now() + interval '960 seconds')::text"),
                        sql("ALTER ROLE \"{user}\" VALID UNTIL '2100-01-01'"),
                    ],
                })
            }
            (Running::Neon(neon), _) => {
                let options = PgConnectOptions::new_without_pgpass().username("neondb_owner");
                let options = options.password(&neon.owner_password()).port(neon.edge().port());
                Self::postgres(rig, options.database("neondb"))
            }
            (Running::Rds(rds, _), "rds-user") => {
                let password = secret(database("rds")?, "/admin/password/file")?;
                let options = PgConnectOptions::new_without_pgpass().username("broker_admin");
                let options = options.password(&password).port(rds.primary.port()).database("postgres");
                Self::postgres(rig, options)
            }
            (Running::Rds(..), _) => return Ok(None),
            (Running::Mysql(server), _) => {
                let password = secret(database("mysql")?, "/admin/password/file")?;
                Self::Mysql(server.url("dsn_broker", &password, "shop"), MYSQL)
            }
        }))
    }

    fn planetscale(database: &Value, name: &str, what: &str, body: Value) -> anyhow::Result<Self> {
        let text = |pointer| database.pointer(pointer).and_then(Value::as_str).context("not said");
        let (id, secret) = (
            text("/planetscale/service_token/id")?,
            secret(database, "/planetscale/service_token/secret/file")?,
        );
        let url = text("/planetscale/api/url")?;
        Ok(Self::Calls(vec![Call {
            url: format!("{url}/organizations/acme/databases/{name}/branches/main/{what}"),
            authorization: format!("{id}:{secret}"),
            body,
        }]))
    }

    fn postgres(rig: &Rig, options: PgConnectOptions) -> Self {
        let options =
            options.host("localhost").ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(rig.world.ca_path());
        Self::Postgres(Box::new(options), POSTGRES)
    }

    /// How many users a second so many workers make, each one after the other.
    pub(super) async fn rate(&self, rig: &Rig, workers: usize, time: Duration) -> anyhow::Result<f64> {
        let mut ready = Vec::new();
        for _ in 0..workers {
            ready.push(self.worker(rig).await?);
        }
        let (begun, done) = (Instant::now(), AtomicU64::new(0));
        let work = ready.into_iter().map(async |mut worker| {
            while begun.elapsed() < time {
                worker.make(&format!("bare_{}", NEXT.fetch_add(1, Ordering::Relaxed))).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
        futures_util::future::try_join_all(work).await?;
        Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
    }

    async fn worker(&self, rig: &Rig) -> anyhow::Result<Worker> {
        Ok(match self {
            Self::Calls(calls) => Worker::Calls(rig.client.clone(), calls.clone()),
            Self::Postgres(options, sql) => Worker::Postgres(PgConnection::connect_with(options).await?, sql),
            Self::Mysql(url, sql) => Worker::Mysql(MySqlConnection::connect(url).await?, sql),
        })
    }
}

/// One of several that work at the same time.
enum Worker {
    Calls(reqwest::Client, Vec<Call>),
    Postgres(PgConnection, &'static str),
    Mysql(MySqlConnection, &'static str),
}

impl Worker {
    async fn make(&mut self, user: &str) -> anyhow::Result<()> {
        match self {
            Self::Calls(client, calls) => {
                for Call { url, authorization, body } in calls {
                    let body = body.to_string().replace("{user}", user);
                    let request = client.post(&*url).header("authorization", &*authorization);
                    let request = request.header("content-type", "application/json").body(body);
                    request.send().await?.error_for_status()?.bytes().await?;
                }
            }
            Self::Postgres(connection, sql) => {
                sqlx::raw_sql(AssertSqlSafe(sql.replace("{user}", user))).execute(connection).await?;
            }
            Self::Mysql(connection, sql) => {
                sqlx::raw_sql(AssertSqlSafe(sql.replace("{user}", user))).execute(connection).await?;
            }
        }
        Ok(())
    }
}

fn secret(database: &Value, pointer: &str) -> anyhow::Result<String> {
    let file = database.pointer(pointer).and_then(Value::as_str).context("no such secret")?;
    Ok(std::fs::read_to_string(file)?)
}

/// The next user's number, over all rounds.
static NEXT: AtomicU64 = AtomicU64::new(0);

const PASSWORD: &str = "No-secret-as-nobody-uses-it-1";

const POSTGRES: &str = "CREATE ROLE {user} LOGIN CONNECTION LIMIT -1 IN ROLE orders_ro \
    PASSWORD 'No-secret-as-nobody-uses-it-1' VALID UNTIL '2100-01-01'";

const MYSQL: &str = "CREATE OR REPLACE USER '{user}'@'%' IDENTIFIED VIA mysql_native_password \
    USING '*6BB4837EB74329105EE4568DDA7DC67ED2CA2AD9' REQUIRE SSL; GRANT SELECT ON shop.orders TO '{user}'@'%'";
