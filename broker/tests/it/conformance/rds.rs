//! A Postgres at an RDS of the test's own, with a key that may sign for its reader: nobody is asked for a token.

use std::time::Duration;

use devstack::{Aws, Door, Postgres, Rds};
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::Value;

use super::postgres::roles;
use super::{Subject, Words};
use crate::engine_rds::{READER, configured, fixed, servers};
use crate::stand::{Settings, seconds};

pub struct Cluster {
    aws: Aws,
    rds: Rds,
    server: Postgres,
}

impl Subject for Cluster {
    const DATABASE: &'static str = "app";

    const WORDS: Words = Words {
        may: "select count(*) from app.orders",
        may_not: "insert into app.orders values (8)",
        denied: "42501",
        locked_out: &["28000 PAM authentication failed"],
    };

    async fn start() -> Self {
        let (aws, rds, server) = servers().await;
        Self { aws, rds, server }
    }

    async fn settings(&self) -> Settings {
        configured(&self.rds, |settings| fixed(settings, &self.aws.key(&[READER]).unwrap())).await
    }

    async fn credential(&self, _: CredentialKind, settings: &Settings) -> Value {
        settings.config["roles"]["app-reader"]["credential"].clone()
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        roles(&self.server, prefix).await
    }

    async fn make_user(&self, name: &str) {
        self.server.execute("postgres", &format!("create role {name} login")).await.unwrap();
    }

    /// It has no user of its own there.
    const SWEEPS: bool = false;

    fn go_down(&self) {
        self.rds.primary.set_door(Door::Closed);
    }

    fn come_back(&self) {
        self.rds.primary.set_door(Door::Open);
    }

    const ASKS: bool = false;

    async fn pass(&self, _: Duration, now: Timestamp) {
        self.aws.set_now(seconds(now));
    }

    async fn end(self) {
        drop(self.rds);
        self.server.end().await.unwrap();
    }
}
