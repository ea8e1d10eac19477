//! Pools of deadpool.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::{
    ConfigConnectImpl, Connect, Hook, HookError, Manager, ManagerConfig, Pool, PoolBuilder, Runtime,
};
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{Dsn, Error, Keeper};

impl Keeper {
    /// A pool of deadpool whose connections always have the present credential: a new one is used for what is opened from
    /// then on, and what was opened with another is closed: at once when nobody uses it, else before it is given out again.
    ///
    /// `configure` says more of the pool: `|pool| pool.max_size(8)`. This keeper lives as long as the pool: who wants to
    /// [`Keeper::revoke`] in the end, or to look at [`Keeper::last_error`], has a clone.
    ///
    /// ```
    /// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
    /// # use dsn_broker_sdk::Broker;
    /// let keeper = Broker::from_env()?.keep("orders-reader").await?;
    /// let pool = keeper.deadpool_pool(|pool| pool.max_size(8))?;
    /// let row = pool.get().await?.query_one("select count(*) from app.orders", &[]).await?;
    /// assert_eq!(row.get::<_, i64>(0), 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the present DSN has ended, or tokio-postgres cannot be told what it says.
    pub fn deadpool_pool(self, configure: impl FnOnce(PoolBuilder) -> PoolBuilder) -> Result<Pool, Error> {
        let mut changes = self.changes();
        let dsn = self.current()?;
        let (config, tls) = dsn.tokio_postgres()?;
        let (timeout, state) = (dsn.connect_timeout(), self.state());
        let made = Mutex::new(Made { dsn, config, tls });
        // What it is given to connect with is not looked at.
        let manager =
            Manager::from_connect(Config::new(), Kept { keeper: self, made }, ManagerConfig::default());
        let is_present = Hook::sync_fn(move |_, about| match state.borrow().is_outdated(about.age()) {
            true => Err(HookError::message("it has the credential of before")),
            false => Ok(()),
        });
        // With a limit for all of it: that of tokio-postgres is for TCP alone.
        let pool = Pool::builder(manager).runtime(Runtime::Tokio1).create_timeout(Some(timeout));
        let pool = configure(pool).pre_recycle(is_present).build();
        let pool = pool.map_err(|error| Error::Setup(format!("no pool: {error}")))?;
        let (followed, state) = (pool.weak(), changes.state.clone());
        tokio::spawn(async move {
            while changes.next().await.is_some() {
                let Some(pool) = followed.upgrade() else { return };
                pool.retain(|_, about| !state.borrow().is_outdated(about.age()));
            }
        });
        Ok(pool)
    }
}

/// Connects with the present credential of a keeper.
struct Kept {
    keeper: Keeper,
    made: Mutex<Made>,
}

/// What connections are made with.
struct Made {
    dsn: Arc<Dsn>,
    config: Config,
    tls: MakeRustlsConnect,
}

impl Kept {
    fn present(&self) -> (Config, MakeRustlsConnect) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        // Of one that has ended the database says so itself.
        let dsn = self.keeper.last();
        // What cannot be understood is left out; the pool goes on with what it has for as long as that lives.
        if !dsn.is_same(&made.dsn)
            && let Ok((config, tls)) = dsn.tokio_postgres()
        {
            *made = Made { dsn, config, tls };
        }
        (made.config.clone(), made.tls.clone())
    }
}

type Connected = Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Kept {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        let (config, tls) = self.present();
        Box::pin(async move {
            let connected = ConfigConnectImpl { tls }.connect(&config).await;
            let refused = connected.as_ref().err().and_then(tokio_postgres::Error::code);
            if refused.is_some_and(|code| REFUSALS.contains(code)) {
                // It may have been revoked.
                self.keeper.refresh();
            }
            connected
        })
    }
}

/// How Postgres refuses a user or a password.
const REFUSALS: [SqlState; 2] = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
