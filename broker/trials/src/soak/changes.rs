//! What operators change while the broker runs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use devstack::{Configuration, Program, role};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::call::Caller;
use crate::journal::Journal;
use crate::output::Output;
use crate::setting::Setting;

/// The changes, in turn, of all replicas.
pub(super) struct Changes<'a> {
    setting: &'a Arc<Setting>,
    journal: &'a Arc<Journal>,
    programs: &'a [Program],
    output: &'a Output,
    pause: Duration,
}

impl<'a> Changes<'a> {
    pub(super) fn new(
        setting: &'a Arc<Setting>,
        journal: &'a Arc<Journal>,
        programs: &'a [Program],
        output: &'a Output,
        lasts: Duration,
    ) -> Self {
        let pause = (lasts / 30).clamp(Duration::from_millis(300), Duration::from_secs(30));
        Self { setting, journal, programs, output, pause }
    }

    pub(super) async fn make_until(&self, end: Instant) -> anyhow::Result<()> {
        let all = async {
            for round in 1.. {
                self.make(round).await?;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout_at(end, all).await.unwrap_or(Ok(()))
    }

    async fn make(&self, round: u32) -> anyhow::Result<()> {
        self.load("a role is added", |configuration| {
            configuration.merge(&json!({ "roles": { NEW: role("workload") } }));
            configuration.merge(&json!({ "roles": { NEW: { "ttl": "10s" } } }));
            bound(configuration)?.push(NEW.into());
            Ok(())
        })
        .await?;
        self.use_new_role().await;
        self.load("the role is removed", |configuration| {
            configuration.merge(&json!({ "roles": { NEW: null } }));
            bound(configuration)?.retain(|role| role != NEW);
            Ok(())
        })
        .await?;
        self.load("the certificate is replaced", |configuration| {
            let folder = configuration.folder().join(format!("tls-{round}"));
            std::fs::create_dir_all(&folder)?;
            let issued = self.setting.world.ca().issue_to(&folder, &["localhost", "127.0.0.1"])?;
            configuration
                .merge(&json!({ "server": { "tls": { "cert": issued.certificate, "key": issued.key } } }));
            Ok(())
        })
        .await?;
        self.load("the database's time is changed, so that its connections are made anew", |configuration| {
            let timeout = format!("{}s", 10 + round % 2);
            configuration.merge(&json!({ "databases": { "orders": { "timeout": timeout } } }));
            Ok(())
        })
        .await?;
        self.rotate_seal(round).await
    }

    /// So that no replica meets a key that it does not know: known to all, then used by all, then dropped by all.
    async fn rotate_seal(&self, round: u32) -> anyhow::Result<()> {
        let id = format!("seal-{round}");
        let key = Configuration::key()?;
        self.load("a seal key is added", |configuration| {
            let key = json!({ "id": id, "key": configuration.secret(&id, &key)? });
            seal(configuration)?.push(key);
            Ok(())
        })
        .await?;
        self.load("the new seal key is the first", |configuration| {
            seal(configuration)?.reverse();
            Ok(())
        })
        .await?;
        tokio::time::sleep(SEALED).await;
        self.load("the old seal key is dropped", |configuration| {
            seal(configuration)?.truncate(1);
            Ok(())
        })
        .await
    }

    /// Makes a change everywhere, and waits until every replica has loaded it.
    async fn load(
        &self,
        what: &str,
        change: impl Fn(&mut Configuration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        tokio::time::sleep(self.pause).await;
        self.output.say(what);
        for (replica, program) in self.setting.replicas.iter().zip(self.programs) {
            let before = program.lines();
            replica.configure(&change)?;
            let loaded =
                |line: &Value| line.get("message").is_some_and(|said| said == "configuration loaded");
            match timeout(PATIENCE, program.said(before, loaded)).await {
                Ok(said) => drop(said?),
                Err(_) => self.journal.wrong(format!("{replica} did not load its configuration when {what}")),
            }
        }
        Ok(())
    }

    async fn use_new_role(&self) {
        let mut caller = Caller::new(self.setting, self.journal, "app-0", "instance-0");
        for replica in &self.setting.replicas {
            if caller.dsn(replica, NEW).await.is_none() {
                self.journal.wrong(format!("{replica} does not serve a role that was added"));
            }
        }
    }
}

fn bound(configuration: &mut Configuration) -> anyhow::Result<&mut Vec<Value>> {
    list(configuration, "/bindings/0/roles")
}

fn seal(configuration: &mut Configuration) -> anyhow::Result<&mut Vec<Value>> {
    list(configuration, "/seal/keys")
}

fn list<'a>(configuration: &'a mut Configuration, place: &str) -> anyhow::Result<&'a mut Vec<Value>> {
    let list = configuration.config.pointer_mut(place).and_then(Value::as_array_mut);
    list.with_context(|| format!("the configuration has no list {place}"))
}

const NEW: &str = "orders-new";

/// How long a replica may take to load a changed file.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what the old key has sealed may be in the cache: as long as the longest TTL of what is shared.
const SEALED: Duration = Duration::from_secs(15);
