//! A MariaDB that stands for MySQL at an RDS of the test's own, with a key that may sign for its reader.

use std::time::Duration;

use devstack::{Aws, MariaDb, RdsMysql};
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::Value;

use super::{Subject, Words, mysql};
use crate::engine_rds::READER;
use crate::engine_rds::mysql::{configured, servers};
use crate::stand::{Settings, seconds};

pub struct Cluster {
    aws: Aws,
    rds: RdsMysql,
    server: MariaDb,
}

impl Subject for Cluster {
    const DATABASE: &'static str = "app";

    const WORDS: Words = Words {
        may: "select count(*) from orders",
        may_not: "insert into orders values (8)",
        denied: "1142",
        locked_out: &["1045"],
    };

    async fn start() -> Self {
        let (aws, rds, server) = servers().await;
        Self { aws, rds, server }
    }

    async fn settings(&self) -> Settings {
        configured(&self.rds, &self.aws.key(&[READER]).unwrap()).await
    }

    async fn credential(&self, _: CredentialKind, settings: &Settings) -> Value {
        settings.config["roles"]["app-reader"]["credential"].clone()
    }

    async fn users(&self, prefix: &str) -> Vec<String> {
        mysql::users(&self.server, prefix).await
    }

    async fn make_user(&self, name: &str) {
        self.server.execute("", &format!("create user {name}")).await.unwrap();
    }

    /// The broker has no user of its own there.
    const SWEEPS: bool = false;

    fn go_down(&self) {
        self.rds.primary.set_closed(true);
    }

    fn come_back(&self) {
        self.rds.primary.set_closed(false);
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
