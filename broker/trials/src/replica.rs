//! One of several brokers on the same ledger and Redis, with ways of its own to both.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use devstack::{Configuration, Link, Program, World};
use tokio::sync::watch;

/// A replica, which may be running or not.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) number: usize,
    pub(crate) redis: Link,
    pub(crate) ledger: Link,
    binary: PathBuf,
    configuration: Mutex<Configuration>,
    url: watch::Sender<Option<String>>,
}

impl Replica {
    /// Gives `configuration` ways of its own to the ledger and to Redis. It is not started.
    pub(crate) async fn prepare(
        number: usize,
        binary: &Path,
        world: &World,
        configuration: Configuration,
    ) -> anyhow::Result<Self> {
        let (ledger, redis) = (Link::to(world.ledger().port()).await?, Link::to(world.redis().port()).await?);
        let via = |url: String, from: u16, to: u16| url.replace(&format!(":{from}"), &format!(":{to}"));
        let ledger_url = via(world.ledger_writer_url(), world.ledger().port(), ledger.port());
        let redis_url = via(world.redis().url(), world.redis().port(), redis.port());
        // The files are this replica's own: the names stay, the contents change.
        configuration.secret("ledger", &ledger_url)?;
        configuration.secret("redis", &redis_url)?;
        configuration.write()?;
        let (binary, configuration) = (binary.to_owned(), Mutex::new(configuration));
        Ok(Self { number, redis, ledger, binary, configuration, url: watch::Sender::new(None) })
    }

    /// Changes its configuration, which it loads by itself.
    pub(crate) fn configure(
        &self,
        change: impl FnOnce(&mut Configuration) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut configuration = self.configuration();
        change(&mut configuration)?;
        configuration.write()
    }

    fn configuration(&self) -> MutexGuard<'_, Configuration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts it; with a fail point, it dies when it first comes by there.
    pub(crate) async fn start(&self, point: Option<&str>) -> anyhow::Result<Program> {
        let mut environment = vec![("RUST_LOG", LOG)];
        environment.extend(point.map(|point| ("DSN_BROKER_FAIL", point)));
        let file = self.configuration().file();
        let program = Program::start(&self.binary, &file, &environment)
            .await
            .with_context(|| format!("{self} does not start"))?;
        self.url.send_replace(Some(program.url().to_owned()));
        Ok(program)
    }

    /// Nobody is to call it until it is started again.
    pub(crate) fn is_gone(&self) {
        self.url.send_replace(None);
    }

    /// Where it serves, while it does.
    pub(crate) fn url(&self) -> Option<String> {
        self.url.borrow().clone()
    }
}

impl std::fmt::Display for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "replica {}", self.number)
    }
}

/// What is waited for, and what went wrong: a trial may last for hours, and its log is a file.
const LOG: &str = "warn,dsn_broker::cli=info,dsn_broker::app=info";
