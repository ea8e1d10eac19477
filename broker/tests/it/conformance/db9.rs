//! A database at a DB9 of the test's own.

use std::time::Duration;

use devstack::{Db9, Fault};
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::{Value, json};

use super::postgres::roles;
use super::{Calls, Subject, Words, odd};
use crate::engine_db9::{db9, settings};
use crate::stand::Settings;

pub struct Tenant {
    db9: Db9,
}

impl Subject for Tenant {
    const DATABASE: &'static str = "ninth";

    const WORDS: Words = Words {
        may: "select count(*) from app.orders",
        may_not: "insert into app.orders values (3)",
        denied: "42501",
        locked_out: &["28P01"],
    };

    async fn start() -> Self {
        Self { db9: db9().await }
    }

    async fn settings(&self) -> Settings {
        settings(&self.db9, |_| {}).await
    }

    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value {
        if kind == CredentialKind::RotatedPassword {
            let users = ["a", "b"].map(|which| format!("pair_{}_{which}", settings.target));
            for user in &users {
                let sql = format!("create role {user} login in role orders_ro");
                self.db9.postgres().execute("postgres", &sql).await.unwrap();
            }
            return json!({ "kind": kind, "users": users, "rotate": "manual" });
        }
        let role = if kind == CredentialKind::ConnectToken { "ninth-token" } else { "ninth-user" };
        settings.config["roles"][role]["credential"].clone()
    }

    async fn odd(&self, kind: CredentialKind, settings: &Settings) -> Value {
        let server = self.db9.postgres();
        if kind != CredentialKind::DynamicUser {
            let (sql, users) = odd::pair(settings, "orders_ro", "admin");
            server.execute("postgres", &sql).await.unwrap();
            return match kind {
                CredentialKind::ConnectToken => json!({ "kind": kind, "username": users[0] }),
                _ => odd::adopted(settings, &users),
            };
        }
        let (sql, group) = odd::group(settings, "orders_ro", "admin");
        server.execute("postgres", &sql).await.unwrap();
        json!({ "kind": kind, "member_of": [group] })
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        roles(self.db9.postgres(), prefix).await
    }

    async fn make_user(&self, name: &str) {
        self.db9.postgres().execute("postgres", &format!("create role {name} login")).await.unwrap();
    }

    fn go_down(&self) {
        self.db9.api().misbehave("*", "/", usize::MAX, Fault::drop());
    }

    fn come_back(&self) {
        self.db9.api().behave();
    }

    fn calls(&self, kind: CredentialKind) -> Calls<'_> {
        let path = |what| format!("/customer/databases/{}/{what}", self.db9.tenant());
        let (make, end) = match kind {
            CredentialKind::ConnectToken => ("connect-token", None),
            CredentialKind::DynamicUser => ("users", Some(("DELETE", path("users")))),
            CredentialKind::RotatedPassword => ("sql", Some(("POST", path("sql")))),
        };
        // The password in force can be tried.
        let shows = kind == CredentialKind::RotatedPassword;
        Calls { api: self.db9.api(), make: ("POST", path(make)), end, repeats: false, shows }
    }

    async fn pass(&self, by: Duration, _: Timestamp) {
        self.db9.api().clock().advance(by);
    }

    async fn end(self) {
        self.db9.postgres().end().await.unwrap();
    }
}
