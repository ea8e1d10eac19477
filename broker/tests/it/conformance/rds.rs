//! A Postgres at an RDS of the test's own, with a key that may sign for its reader: nobody is asked for a token. With
//! `ADMIN` the broker has a user of its own there, who makes others.

use std::time::Duration;

use devstack::{Aws, Door, Postgres, Rds, Refusal};
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::{Value, json};

use super::postgres::roles;
use super::{Subject, Words};
use crate::engine_rds::{ADMIN_PASSWORD, READER, configured, fixed, servers};
use crate::stand::{Settings, seconds};

pub struct Cluster<const ADMIN: bool> {
    aws: Aws,
    rds: Rds,
    server: Postgres,
}

impl<const ADMIN: bool> Subject for Cluster<ADMIN> {
    const DATABASE: &'static str = "app";

    const WORDS: Words = Words {
        may: "select count(*) from app.orders",
        may_not: "insert into app.orders values (8)",
        denied: "42501",
        locked_out: if ADMIN { &["28P01"] } else { &["28000 PAM authentication failed"] },
    };

    async fn start() -> Self {
        let (aws, rds, server) = servers().await;
        Self { aws, rds, server }
    }

    async fn settings(&self) -> Settings {
        if !ADMIN {
            let key = self.aws.key(&[READER]).unwrap();
            return configured(&self.rds, |settings| fixed(settings, &key)).await;
        }
        // Nobody signs anything.
        let mut settings = configured(&self.rds, |_| Value::Null).await;
        let password = settings.secret("rds-admin", ADMIN_PASSWORD);
        let app = &mut settings.config["databases"]["app"];
        app["admin"] = json!({ "username": "broker_admin", "password": password });
        settings.config["roles"]["app-reader"]["credential"] =
            json!({ "kind": "dynamic_user", "member_of": ["app_ro"] });
        settings
    }

    async fn credential(&self, _: CredentialKind, settings: &Settings) -> Value {
        settings.config["roles"]["app-reader"]["credential"].clone()
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        roles(&self.server, prefix).await
    }

    async fn make_user(&self, name: &str) {
        let sql = format!("set role broker_admin; create role {name} login");
        self.server.execute("postgres", &sql).await.unwrap();
    }

    const SWEEPS: bool = ADMIN;

    fn go_down(&self) {
        self.rds.primary.set_door(Door::Closed);
        self.rds.primary.end_sessions(&Refusal::shutdown(), |_| true);
    }

    fn come_back(&self) {
        self.rds.primary.set_door(Door::Open);
    }

    const ASKS: bool = ADMIN;

    async fn pass(&self, _: Duration, now: Timestamp) {
        self.aws.set_now(seconds(now));
    }

    async fn end(self) {
        drop(self.rds);
        self.server.end().await.unwrap();
    }
}
