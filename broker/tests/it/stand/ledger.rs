//! The ledger behind a stand's back.

use std::path::{Path, PathBuf};

use dsn_broker::config::Config;
use dsn_broker::ledger::{As, Offline, Verdict};
use tokio::process::Command;

use super::{Outcome, Settings, Stand, psql, record, unique};

impl Stand {
    /// A second replica: same ledger, same cache, same clock.
    pub async fn replica(&self) -> Self {
        Self::at(self.settings.replica(), self.clock.clone()).await
    }

    /// Looks for orphans at this database now.
    pub async fn sweep(&self, database: &str) -> Vec<String> {
        let site = self.app.broker.site(&database.parse().unwrap()).unwrap();
        self.app.sweeper.sweep(&site).await.unwrap()
    }

    /// How many events of this action there are.
    pub async fn count(&self, action: &str) -> usize {
        let query = format!("select count(*) from audit_events where action = '{action}'");
        self.at_ledger(&query).await.parse().unwrap()
    }

    /// Records what it tells of itself, as far as its servers are still there.
    pub(super) async fn record(&self) {
        if let Ok(metrics) = self.client.get(format!("{}/metrics", self.admin_url)).send().await {
            record::said("metrics", &metrics.text().await.unwrap_or_default());
        }
        for table in ["audit_events", "leases"] {
            let rows = format!("select to_jsonb({table})::text from {table}");
            if let Ok(rows) = self.settings.world.ledger().query_text(&self.settings.ledger, &rows).await {
                record::said("ledger", &rows);
            }
        }
    }

    /// The value of the metric whose line begins like this.
    pub async fn metric(&self, begins: &str) -> Option<f64> {
        let text = self.client.get(format!("{}/metrics", self.admin_url)).send().await.unwrap();
        let text = text.text().await.unwrap();
        record::said("metrics", &text);
        let line = text.lines().find(|line| line.starts_with(begins))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}

impl Settings {
    /// What `audit verify` finds.
    pub async fn verdict(&self) -> Verdict {
        let config = Config::load(&self.file()).unwrap();
        let mut ledger = Offline::connect(&config.ledger, As::Writer).await.unwrap();
        ledger.verify(&config.audit.key().unwrap()).await.unwrap()
    }

    /// The places where `audit verify` finds the chain broken, in words.
    pub async fn flaws(&self) -> Vec<String> {
        self.verdict().await.flaws.iter().map(ToString::to_string).collect()
    }

    /// The same with a copy of the ledger, which must not be in use.
    pub async fn with_copied_ledger(&self) -> Self {
        let mut copy = self.replica();
        copy.ledger = format!("{}_{}", self.ledger, unique());
        let create = format!("create database {} template {} owner ledger_owner", copy.ledger, self.ledger);
        self.world.ledger().execute("postgres", &create).await.unwrap();
        let rename = |url: &str| url.replace(&format!("/{}?", self.ledger), &format!("/{}?", copy.ledger));
        (copy.owner_url, copy.writer_url) = (rename(&self.owner_url), rename(&self.writer_url));
        copy.config["ledger"]["url"] = copy.secret("ledger", &copy.writer_url);
        copy.config["ledger"]["owner_url"] = copy.secret("owner", &copy.owner_url);
        copy.write();
        copy
    }

    /// Runs statements as the ledger's superuser.
    pub async fn tamper(&self, sql: &str) {
        self.world.ledger().execute(&self.ledger, sql).await.unwrap();
    }

    /// The answer of the ledger to a query of its superuser.
    pub async fn ask_ledger(&self, sql: &str) -> String {
        self.world.ledger().query_text(&self.ledger, sql).await.unwrap()
    }

    /// What the ledger's owner gets for a statement.
    pub async fn as_owner(&self, sql: &str) -> Outcome {
        psql(&self.owner_url, sql).await
    }

    /// What the broker's own user gets for a statement.
    pub async fn as_writer(&self, sql: &str) -> Outcome {
        psql(&self.writer_url, sql).await
    }

    /// What the real program does with this configuration.
    pub async fn program(&self, arguments: &[&str]) -> Outcome {
        let output = program(&self.file(), arguments).output().await.unwrap();
        let ok = output.status.success();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
        record::said("program", &format!("{stdout}{stderr}"));
        Outcome { ok, stdout, stderr }
    }
}

/// The real program, to be started with this configuration.
pub fn program(config: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_dsn-broker")));
    command.args(arguments).arg("--config").arg(config).env_clear().kill_on_drop(true);
    command
}
