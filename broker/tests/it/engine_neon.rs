//! The engine for Neon, through the front door: its API and its proxy are emulated, the server behind them is real.

mod crash;
mod endpoints;
mod inspect;
mod misbehaviour;
mod passwords;
mod rotation;
mod sleep;
mod users;

use std::ops::Deref;

use devstack::Neon;
use serde_json::{Value, json};

use crate::stand::{Settings, Stand, record, unique, world};

/// A broker with a database at Neon.
struct Site {
    neon: Neon,
    stand: Stand,
}

impl Deref for Site {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

/// A branch with a table and groups that may read or write it, made by the owner as the documentation says.
async fn neon() -> Neon {
    let neon = Neon::start(world().await.ca()).await.unwrap();
    neon.postgres().execute("neondb", TABLES).await.unwrap();
    record::secret(&neon.owner_password());
    neon
}

/// A configuration for it, which reaches the primary by the name `localhost`.
async fn settings(neon: &Neon, change: impl FnOnce(&mut Value)) -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    let ca = settings.ca_path.clone();
    settings.config["databases"]["neon"] = json!({
        "engine": "neon",
        "dbname": "neondb",
        "endpoints": { "primary": { "host": "localhost", "port": neon.edge().port() } },
        "tls": { "ca": { "file": ca } },
        "admin": { "username": "neondb_owner" },
        "timeout": "20s",
        "neon": {
            "project": "orders",
            "branch": "main",
            "api_key": settings.secret("neon-key", neon.key()),
            "api": { "url": neon.api_url(), "ca": { "file": ca } },
        },
    });
    settings.config["roles"]["neon-reader"] = json!({
        "database": "neon", "ttl": "1h", "max_ttl": "4h", "drain": "0s",
        "credential": { "kind": "dynamic_user", "member_of": ["orders_ro"] },
        "parameters": { "work_mem": "1MB" },
    });
    settings.config["roles"]["neon-request"] = settings.config["roles"]["neon-reader"].clone();
    settings.config["roles"]["neon-request"]["share"] = "request".into();
    let roles = settings.config["bindings"][0]["roles"].as_array_mut().unwrap();
    roles.extend(["neon-reader".into(), "neon-request".into()]);
    change(&mut settings.config);
    settings
}

impl Site {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let neon = neon().await;
        let stand = Stand::on(settings(&neon, change).await).await;
        Self { neon, stand }
    }

    /// What the superuser sees.
    async fn see(&self, query: &str) -> String {
        self.neon.postgres().query_text("neondb", query).await.unwrap()
    }

    async fn until_sessions(&self, count: usize) {
        self.until(|| async {
            let query = "select count(*) from pg_stat_activity where usename like 'dsn\\_%'";
            let sessions = self.see(query).await;
            if sessions == count.to_string() { Ok(()) } else { Err(sessions) }
        })
        .await;
    }

    /// How many requests came whose path, without the query, ends like this.
    fn asked(&self, path: &str) -> usize {
        let requests = self.neon.api().requests();
        requests.iter().filter(|one| one.path.split('?').next().unwrap().ends_with(path)).count()
    }

    async fn stop(self) {
        let settings = self.stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        self.neon.postgres().end().await.unwrap();
    }
}

const TABLES: &str = "
    set session authorization neondb_owner;
    create role orders_ro nologin; create role orders_rw nologin;
    create schema app; create table app.orders (id int); insert into app.orders values (1), (2);
    grant usage on schema app to orders_ro, orders_rw;
    grant select on app.orders to orders_ro, orders_rw; grant insert on app.orders to orders_rw;";
