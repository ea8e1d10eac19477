//! A branch at a Neon of the test's own.

use devstack::{Door, Neon, Refusal};
use dsn_broker::model::CredentialKind;
use serde_json::{Value, json};

use super::postgres::roles;
use super::{Calls, Subject, Words, odd};
use crate::engine_neon::{neon, pair, settings};
use crate::stand::Settings;

pub struct Branch {
    neon: Neon,
}

impl Subject for Branch {
    const DATABASE: &'static str = "neon";

    const WORDS: Words = Words {
        may: "select count(*) from app.orders",
        may_not: "insert into app.orders values (3)",
        denied: "42501",
        locked_out: &["XX000 password authentication failed"],
    };

    async fn start() -> Self {
        Self { neon: neon().await }
    }

    async fn settings(&self) -> Settings {
        settings(&self.neon, |_| {}).await
    }

    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value {
        match kind {
            CredentialKind::RotatedPassword => {
                let users = pair(&self.neon, settings).await;
                json!({ "kind": kind, "users": users, "rotate": "manual" })
            }
            _ => settings.config["roles"]["neon-reader"]["credential"].clone(),
        }
    }

    async fn odd(&self, kind: CredentialKind, settings: &Settings) -> Value {
        let server = self.neon.postgres();
        if kind == CredentialKind::RotatedPassword {
            let (sql, users) = odd::pair(settings, "orders_ro", "neondb_owner");
            server.execute("neondb", &sql).await.unwrap();
            return odd::adopted(settings, &users);
        }
        let (sql, group) = odd::group(settings, "orders_ro", "neondb_owner");
        server.execute("neondb", &sql).await.unwrap();
        json!({ "kind": kind, "member_of": [group] })
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        roles(self.neon.postgres(), prefix).await
    }

    async fn make_user(&self, name: &str) {
        let sql = format!("set session authorization neondb_owner; create role {name} login");
        self.neon.postgres().execute("neondb", &sql).await.unwrap();
    }

    fn go_down(&self) {
        self.neon.edge().set_door(Door::Closed);
        self.neon.edge().end_sessions(&Refusal::shutdown(), |_| true);
    }

    fn come_back(&self) {
        self.neon.edge().set_door(Door::Open);
    }

    /// It is only asked where the branch is, and for a password.
    fn calls(&self, _: CredentialKind) -> Calls<'_> {
        Calls {
            api: self.neon.api(),
            make: ("GET", "/api/v2/projects/still-lake-12345678/endpoints".to_owned()),
            end: None,
            repeats: true,
            shows: false,
        }
    }

    fn dawdle(&self) {
        self.neon.suspend();
        self.neon.refuse_connections(2);
    }

    async fn end(self) {
        self.neon.postgres().end().await.unwrap();
    }
}
