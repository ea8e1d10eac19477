//! The engine for DB9, through the front door: its API and its edge are emulated, the server behind them is real.

mod crash;
mod inspect;
mod misbehaviour;
mod rotation;
mod tokens;
mod users;

use std::ops::Deref;

use devstack::Db9;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stand::{Settings, Stand, unique, world};

/// A broker with a database at DB9, and a role for each kind of credential.
struct Site {
    db9: Db9,
    stand: Stand,
}

impl Deref for Site {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

/// A database with a table, a group that may read it, and a user that is in the group.
async fn db9() -> Db9 {
    let db9 = Db9::start(world().await.ca()).await.unwrap();
    db9.postgres().execute("postgres", TABLES).await.unwrap();
    db9
}

/// A configuration for it.
async fn settings(db9: &Db9, change: impl FnOnce(&mut Value)) -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    let ca = settings.ca_path.clone();
    settings.config["databases"]["ninth"] = json!({
        "engine": "db9",
        "dbname": "postgres",
        "endpoints": { "primary": {} },
        "tls": { "ca": { "file": ca } },
        "timeout": "20s",
        "db9": {
            "database": db9.tenant(),
            "api_token": settings.secret("db9-token", db9.token()),
            "api": { "url": db9.api().url(), "ca": { "file": ca } },
        },
    });
    settings.config["roles"]["ninth-token"] = json!({
        "database": "ninth", "ttl": "1h", "credential": { "kind": "connect_token", "username": "orders_app" },
    });
    settings.config["roles"]["ninth-user"] = json!({
        "database": "ninth", "ttl": "1h", "max_ttl": "4h", "drain": "0s",
        "credential": { "kind": "dynamic_user", "member_of": ["orders_ro"] },
        "parameters": { "work_mem": "1MB" },
    });
    let roles = settings.config["bindings"][0]["roles"].as_array_mut().unwrap();
    roles.extend(["ninth-token".into(), "ninth-user".into()]);
    change(&mut settings.config);
    settings
}

impl Site {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let db9 = db9().await;
        let stand = Stand::on(settings(&db9, change).await).await;
        Self { db9, stand }
    }

    /// How many such requests came.
    fn asked(&self, method: Method, path: &str) -> usize {
        let requests = self.db9.api().requests();
        requests.iter().filter(|one| one.method == method.as_str() && one.path.ends_with(path)).count()
    }

    async fn stop(self) {
        let settings = self.stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        self.db9.postgres().end().await.unwrap();
    }
}

const TABLES: &str = "
    create role orders_ro nologin; create role orders_app login; grant orders_ro to orders_app;
    create schema app; create table app.orders (id int); insert into app.orders values (1), (2);
    grant usage on schema app to orders_ro; grant select on app.orders to orders_ro;";
