//! A Postgres of one's own: the server that all tests share, through a way that can be closed.

use devstack::Link;
use dsn_broker::model::CredentialKind;
use serde_json::{Value, json};

use super::{Subject, Words, odd};
use crate::rotation;
use crate::stand::{Settings, unique, world};

pub struct Own {
    link: Link,
}

impl Subject for Own {
    const DATABASE: &'static str = "own";

    const WORDS: Words = Words {
        may: "select count(*) from app.orders",
        may_not: "delete from app.orders",
        denied: "42501",
        locked_out: &["28P01"],
    };

    async fn start() -> Self {
        Self { link: Link::to(world().await.orders().port()).await.unwrap() }
    }

    async fn settings(&self) -> Settings {
        let mut settings = Settings::new(world().await, &unique()).await;
        let mut database = settings.config["databases"]["orders"].clone();
        database["endpoints"]["primary"]["port"] = self.link.port().into();
        settings.config["databases"][Self::DATABASE] = database;
        settings
    }

    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value {
        match kind {
            CredentialKind::RotatedPassword => {
                let users = rotation::pair(settings).await;
                json!({ "kind": kind, "users": users, "rotate": "manual" })
            }
            _ => json!({ "kind": kind, "member_of": ["orders_ro"] }),
        }
    }

    async fn odd(&self, kind: CredentialKind, settings: &Settings) -> Value {
        let server = world().await.orders();
        if kind == CredentialKind::RotatedPassword {
            let (sql, users) = odd::pair(settings, "orders_ro", "broker_admin");
            server.execute(&settings.target, &sql).await.unwrap();
            return odd::adopted(settings, &users);
        }
        let (sql, group) = odd::group(settings, "orders_ro", "broker_admin");
        server.execute(&settings.target, &sql).await.unwrap();
        json!({ "kind": kind, "member_of": [group] })
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        roles(world().await.orders(), prefix).await
    }

    async fn make_user(&self, name: &str) {
        let sql = format!("set role broker_admin; create role {name} login");
        world().await.orders().execute("postgres", &sql).await.unwrap();
    }

    fn go_down(&self) {
        self.link.close();
    }

    fn come_back(&self) {
        self.link.mend();
    }
}

/// The roles of a server whose names begin like this.
pub async fn roles(server: &devstack::Postgres, prefix: &str) -> Vec<String> {
    let query = format!("select rolname from pg_roles where starts_with(rolname::text, '{prefix}')");
    server.query_text("postgres", &query).await.unwrap().lines().map(str::to_owned).collect()
}
