//! Wiring and lifecycle: puts the parts together, keeps them up to date with the configuration, and
//! stops them in good order.

mod bundles;
mod current;
mod observe;
mod restart;
mod rotate;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use current::{BuildError, Current, Ground};
pub use watch::watch;

use crate::broker::{Broker, Failures, Reaper, Sweeper};
use crate::config::Config;
use crate::entropy::Entropy;
use crate::ledger::Entry;
use crate::model::{Action, Event};
use crate::telemetry::Metrics;
use crate::time::Clock;

/// The running broker, without its listeners.
pub struct App {
    /// The use cases.
    pub broker: Arc<Broker>,
    /// The configuration in force, and what is built from it.
    pub current: ArcSwap<Current>,
    /// The record of refusals.
    pub failures: Arc<Failures>,
    /// The search for orphans.
    pub sweeper: Arc<Sweeper>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Ends all tasks.
    pub stop: CancellationToken,
    file: PathBuf,
    /// Tells whether one of the files that the configuration in force was read from has changed since.
    read: ArcSwap<Vec<u8>>,
    ground: Ground,
    reaper: Mutex<Option<Reaper>>,
    tasks: Mutex<JoinSet<()>>,
}

impl App {
    /// Starts everything but the listeners. Does not wait for any server: the ledger, the cache and the databases may
    /// come later.
    pub async fn start(
        file: PathBuf,
        config: Config,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, BuildError> {
        crate::tls::provider();
        let metrics = Metrics::new();
        let config = Arc::new(config);
        // Before the files are: what changes meanwhile is read once more.
        let read = watch::read(&config);
        let ground = Ground::new(&config, clock.clone(), entropy.clone(), metrics.clone())?;
        let (ledger, sealer) = (ground.ledger.clone(), ground.sealer.clone());
        let cache = current::cache(&config, sealer.clone(), &clock, &entropy).await?;
        let (current, sites) = Current::build(config, None, &ground)?;
        let broker = Broker::new(
            ledger.clone(),
            cache,
            sealer.clone(),
            sites,
            clock.clone(),
            entropy,
            metrics.clone(),
        );
        let stop = CancellationToken::new();
        let app = Arc::new(Self {
            failures: Failures::new(ledger, clock.clone()),
            sweeper: Sweeper::new(broker.clone()),
            current: ArcSwap::from_pointee(current),
            reaper: Mutex::new(Some(Reaper::new(broker.clone(), stop.clone()))),
            tasks: Mutex::default(),
            broker,
            metrics,
            clock,
            stop,
            file,
            read: ArcSwap::from_pointee(read),
            ground,
        });
        app.spawn_tasks().await;
        app.record_load(Ok(()));
        Ok(app)
    }

    async fn spawn_tasks(self: &Arc<Self>) {
        if let Some(reaper) = self.reaper.lock().await.as_mut() {
            reaper.cover();
        }
        let mut tasks = self.tasks.lock().await;
        tasks.spawn(self.failures.clone().run(self.stop.clone()));
        tasks.spawn(self.sweeper.clone().run(self.stop.clone()));
        tasks.spawn(rotate::run(self.clone()));
        tasks.spawn(bundles::run(self.clone()));
        tasks.spawn(observe::run(self.broker.clone(), self.stop.clone()));
    }

    /// Loads the configuration file again. If anything in it is wrong, all stays as it is.
    pub async fn reload(&self) -> Result<(), BuildError> {
        let result = self.load_again().await;
        self.record_load(result.as_ref().map(|_| ()));
        result
    }

    async fn load_again(&self) -> Result<(), BuildError> {
        let config = Arc::new(Config::load(&self.file)?);
        let before = self.current.load_full();
        let sites = self.broker.sites.load_full();
        let read = watch::read(&config);
        let (current, sites) = Current::build(config, Some((&before, &sites)), &self.ground)?;
        // Whoever asks next finds the issuers' keys there, if they can be had.
        if !Arc::ptr_eq(&current.identity, &before.identity) {
            current.identity.load_keys().await;
        }
        self.ground.sealer.replace(current::sealer(&current.config)?);
        let later = restart::keys(&before.config, &current.config);
        if !later.is_empty() {
            tracing::warn!(keys = later.join(", "), "what changed there takes effect at the next restart");
        }
        self.broker.sites.store(Arc::new(sites));
        self.current.store(Arc::new(current));
        self.read.store(Arc::new(read));
        if let Some(reaper) = self.reaper.lock().await.as_mut() {
            reaper.cover();
        }
        Ok(())
    }

    fn record_load(&self, result: Result<(), &BuildError>) {
        self.metrics.config_loaded(result.is_ok());
        let now = self.clock.now();
        let event = match result {
            Ok(()) => {
                tracing::info!(file = %self.file.display(), "configuration loaded");
                Event::new(now, Action::ConfigLoaded).with("digest", self.current.load().digest.as_str())
            }
            Err(error) => {
                tracing::error!(
                    file = %self.file.display(), %error,
                    "configuration refused; the one before it stays in force"
                );
                Event::new(now, Action::ConfigRefused)
            }
        };
        self.broker.ledger.write_later(Entry::events([event]));
    }

    /// Stops all tasks in good order: what was started is finished, the audit stream is closed.
    ///
    /// What is not finished at `deadline` is left to the reaper of the next process, which undoes it.
    pub async fn shut_down(&self, deadline: Instant) {
        self.stop.cancel();
        if tokio::time::timeout_at(deadline, self.finish()).await.is_err() {
            tracing::warn!("server.grace is over: what is not finished is undone after the next start");
        }
        self.broker.ledger.close().await;
    }

    async fn finish(&self) {
        if let Some(reaper) = self.reaper.lock().await.take() {
            reaper.join().await;
        }
        while self.tasks.lock().await.join_next().await.is_some() {}
        self.broker.finish().await;
    }
}
