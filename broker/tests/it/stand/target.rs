//! A target database on a server of a test's own, to be broken.

use std::time::Duration;

use devstack::{Postgres, PostgresBuilder};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{Outcome, Settings, Stand, psql, unique, until, world};

/// The password of its `broker_admin`.
const PASSWORD: &str = "not-a-secret-that-anyone-needs";

/// A server with the groups and the admin that the usual roles need.
pub struct Target {
    pub server: Postgres,
}

impl Target {
    /// One that is like all others.
    pub async fn start() -> Self {
        Self::with(Postgres::builder()).await
    }

    /// One of this kind.
    pub async fn with(builder: PostgresBuilder) -> Self {
        let server = builder.ca(world().await.ca()).durable(false).start().await.unwrap();
        let prepare = format!(
            "create role orders_ro nologin; \
             create role broker_admin login createrole password '{PASSWORD}'; \
             grant orders_ro to broker_admin with admin option; \
             grant pg_signal_backend to broker_admin;"
        );
        server.execute("postgres", &prepare).await.unwrap();
        Self { server }
    }

    /// The usual settings, but that the role `orders-reader` is for this server.
    pub async fn settings(&self) -> Settings {
        let mut settings = Settings::new(world().await, &unique()).await;
        settings.config["databases"]["slow"] = self.config(&settings);
        settings.config["roles"]["orders-reader"]["database"] = "slow".into();
        settings
    }

    /// How it stands in a configuration.
    pub fn config(&self, settings: &Settings) -> Value {
        json!({
            "engine": "postgres",
            "dbname": "postgres",
            "endpoints": { "primary": { "host": self.server.host(), "port": self.server.port() } },
            "tls": { "ca": { "file": settings.ca_path } },
            "admin": { "username": "broker_admin", "password": settings.secret("target-admin", PASSWORD) },
            "timeout": "20s",
        })
    }

    /// Lets whoever makes a user there wait for so long, or until [`Target::release`]; returns when that has begun.
    pub async fn hold(&self, span: Duration) -> JoinHandle<Outcome> {
        let superuser = self.server.superuser_url();
        let seconds = span.as_secs_f64();
        let lock = format!("begin; lock table pg_authid in share mode; select pg_sleep({seconds})");
        let held = tokio::spawn(async move { psql(&superuser, &lock).await });
        until(async || self.locks("mode = 'ShareLock'").await == "1").await;
        held
    }

    /// Ends [`Target::hold`].
    pub async fn release(&self) {
        let end = "select pg_terminate_backend(pid) from pg_locks \
                    where relation = 'pg_authid'::regclass and mode = 'ShareLock'";
        assert_eq!(self.server.query_text("postgres", end).await.unwrap(), "t");
    }

    /// Waits until somebody waits for [`Target::hold`] to end.
    pub async fn until_waited_for(&self) {
        until(async || self.locks("not granted").await == "1").await;
    }

    async fn locks(&self, which: &str) -> String {
        let query =
            format!("select count(*) from pg_locks where relation = 'pg_authid'::regclass and {which}");
        self.server.query_text("postgres", &query).await.unwrap()
    }

    /// The broker's users there.
    pub async fn users(&self) -> Vec<String> {
        let query = r"select rolname from pg_roles where rolname like 'dsn\_%' order by 1";
        let users = self.server.query_text("postgres", query).await.unwrap();
        users.lines().map(str::to_owned).collect()
    }

    /// Waits until this many of them are left.
    pub async fn until_users(&self, stand: &Stand, count: usize) {
        stand
            .until(|| async {
                let users = self.users().await;
                if users.len() == count {
                    return Ok(());
                }
                let leases = stand.at_ledger("select state, due_at, attempts, last_error from leases").await;
                Err(format!("{users:?} {leases}"))
            })
            .await;
    }
}
