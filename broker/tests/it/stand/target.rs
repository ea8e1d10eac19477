//! A target database on a server of a test's own, to be broken.

use devstack::{Postgres, PostgresBuilder};
use serde_json::{Value, json};

use super::{Settings, Stand, world};

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

    /// How it stands in a configuration.
    pub fn config(&self, settings: &Settings) -> Value {
        json!({
            "engine": "postgres",
            "dbname": "postgres",
            "endpoints": { "primary": { "host": self.server.host(), "port": self.server.port() } },
            "tls": { "ca": { "file": settings.ca_path } },
            "admin": { "username": "broker_admin", "password": settings.secret("target-admin", PASSWORD) },
        })
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
