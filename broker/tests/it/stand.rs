//! A broker in this process, on real servers, with a clock that can be pushed.
//!
//! All stands share one world of servers (one Postgres with a ledger and a target database of its own for each
//! stand, one Redis, one issuer), unless a test brings its own. It ends with the test process.

mod caller;
mod config;
mod hosts;
mod kubernetes;
mod ledger;
mod load;
pub mod log;
pub mod mariadb;
mod process;
mod provider;
mod psql;
pub mod record;
mod target;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use devstack::World;
use dsn_broker::app::App;
use dsn_broker::config::Config;
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::http::{Listeners, serve};
use dsn_broker::ledger::{connect_options, migrate};
use dsn_broker::secret::Secret;
use dsn_broker::time::{Clock, ManualClock, SystemClock, Timestamp};
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::OnceCell;

pub use caller::{Answer, Caller, client};
pub use config::Settings;
pub use devstack::role;
pub use hosts::Hosts;
pub use kubernetes::kubernetes;
pub use load::{Callers, Load, Noted};
pub use process::{Process, until, until_within};
pub use provider::{lets_in, made, text};
pub use psql::{Outcome, psql, psql_with};
pub use target::Target;
pub use wire::{Heard, Wire};

/// Runs a test. All tests share one runtime, because they share servers.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    static RUNTIME: std::sync::LazyLock<Runtime> = std::sync::LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
    });
    RUNTIME.block_on(test)
}

/// The world that tests share which break nothing in it.
pub async fn world() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD
        .get_or_init(|| async { World::builder().durable(false).shared_server().start().await.unwrap() })
        .await
}

/// A running broker.
pub struct Stand {
    pub app: Arc<App>,
    pub clock: ManualClock,
    pub settings: Settings,
    pub url: String,
    pub admin_url: String,
    pub client: reqwest::Client,
    serving: tokio::task::JoinHandle<()>,
}

impl Stand {
    /// With everything as usual.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With a changed configuration.
    pub async fn with(change: impl FnOnce(&mut Value)) -> Self {
        let mut settings = Settings::new(world().await, &unique()).await;
        change(&mut settings.config);
        Self::on(settings).await
    }

    /// With servers and settings of the test's own.
    pub async fn on(settings: Settings) -> Self {
        settings.migrate().await;
        Self::again(settings).await
    }

    /// On a ledger that is migrated already: a second replica, or the same one after a crash.
    pub async fn again(settings: Settings) -> Self {
        let start = SystemClock.now();
        Self::at(settings, ManualClock::new(start)).await
    }

    /// With a clock of the test's own.
    pub async fn at(settings: Settings, clock: ManualClock) -> Self {
        log::keep();
        settings.write();
        let config = Config::load(&settings.file()).unwrap();
        let app = App::start(settings.file(), config, Arc::new(clock.clone()), Arc::new(SystemEntropy))
            .await
            .unwrap();
        let listeners = Listeners::open(&app).unwrap();
        let (public, admin) = listeners.addresses().unwrap();
        let serving = tokio::spawn({
            let app = app.clone();
            async move { serve(app, listeners, signal(SignalKind::hangup()).unwrap()).await.unwrap() }
        });
        Self {
            url: format!("https://localhost:{}", public.port()),
            admin_url: format!("http://localhost:{}", admin.port()),
            client: client(&settings.ca_path),
            app,
            clock,
            settings,
            serving,
        }
    }

    /// A caller with a good token for this subject.
    pub fn caller(&self, subject: &str) -> Caller<'_> {
        Caller::new(self, self.settings.token(subject, self.clock.now()))
    }

    /// A caller with this text as its proof.
    pub fn bearer(&self, proof: impl Into<String>) -> Caller<'_> {
        Caller::new(self, proof.into())
    }

    /// The time, as this broker knows it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A caller with a token of these claims.
    pub fn claims(&self, claims: devstack::Claims) -> Caller<'_> {
        let claims = claims.now(seconds(self.clock.now()));
        self.bearer(self.settings.world.oidc().mint(&claims).unwrap())
    }

    /// A request without any proof.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// The answer of the target database to a query of its superuser.
    pub async fn at_target(&self, query: &str) -> String {
        self.settings.world.orders().query_text(&self.settings.target, query).await.unwrap()
    }

    /// The answer of the ledger to a query of its superuser.
    pub async fn at_ledger(&self, query: &str) -> String {
        self.settings.world.ledger().query_text(&self.settings.ledger, query).await.unwrap()
    }

    /// The users that this broker made and that are still there.
    pub async fn users(&self) -> Vec<String> {
        let tag = self.at_ledger("select tag from installation").await;
        let query = format!("select rolname from pg_roles where rolname like 'dsn\\_{tag}\\_%' order by 1");
        self.at_target(&query).await.lines().map(str::to_owned).collect()
    }

    /// Looks again and again until `done` holds: for what happens in the background. Gives up with the last state.
    ///
    /// On a busy machine something may have looked at the clock too late, and would sleep for ever: from some time on
    /// the clock goes on by itself, two minutes in all.
    pub async fn until<F: Future<Output = Result<(), String>>>(&self, done: impl Fn() -> F) {
        let begun = tokio::time::Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(10));
        loop {
            looks.tick().await;
            let Err(state) = done().await else { return };
            let waited = begun.elapsed();
            assert!(waited < Duration::from_secs(30), "it did not happen: {state}");
            if waited > Duration::from_secs(6) {
                self.clock.advance(Duration::from_millis(50));
            }
        }
    }

    /// Waits until this many users are left.
    pub async fn until_users(&self, count: usize) {
        self.until(|| async {
            let users = self.users().await;
            if users.len() == count { Ok(()) } else { Err(format!("{users:?}")) }
        })
        .await;
    }

    /// Stops it in good order.
    pub async fn stop(self) -> Settings {
        if record::is_kept() {
            self.record().await;
        }
        self.app.stop.cancel();
        self.serving.await.unwrap();
        self.app.shut_down(tokio::time::Instant::now() + Duration::from_secs(20)).await;
        self.settings
    }
}

impl Settings {
    /// Brings the ledger's schema up to date.
    pub async fn migrate(&self) {
        dsn_broker::tls::provider();
        let ca = self.world.ca_path();
        let owner = connect_options(&Secret::new(&self.owner_url), Some(ca)).unwrap();
        let writer = connect_options(&Secret::new(&self.writer_url), Some(ca)).unwrap();
        migrate(&owner, writer.get_username()).await.unwrap();
    }
}

/// Where no password of the broker's own was ever changed.
pub struct NothingKept;

impl dsn_broker::engine::KeptPasswords for NothingKept {
    fn of<'a>(&'a self, _: &'a str) -> futures_util::future::BoxFuture<'a, Vec<Secret>> {
        Box::pin(std::future::ready(Vec::new()))
    }
}

/// A name that no other test of this process has.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Where the repository is.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The present, cut to seconds, for tokens.
pub fn seconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.timestamp()).unwrap()
}
