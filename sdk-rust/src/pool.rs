//! Pools that survive a change of their credential.

use std::fmt;
use std::future::ready;
use std::ops::Deref;

use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database, Pool};
use tokio::task::JoinHandle;

use crate::{Dsn, Error, Keeper};

/// A database of sqlx that can be connected to with a [`Dsn`].
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use dsn_broker_sdk::Broker;
/// use dsn_broker_sdk::Connect as _;
/// use sqlx::{Connection as _, PgConnection, Postgres};
///
/// let dsn = Broker::from_env()?.dsn("orders-reader").await?;
/// let mut connection = PgConnection::connect_with(&Postgres::options(&dsn)?).await?;
/// connection.ping().await?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) }) }
/// ```
pub trait Connect: Database {
    /// What a connection with this DSN is made from.
    ///
    /// # Errors
    ///
    /// If sqlx cannot be told what it says: nothing is left out or weakened instead.
    fn options(dsn: &Dsn) -> Result<<Self::Connection as Connection>::Options, Error>;
}

#[cfg(feature = "sqlx-postgres")]
impl Connect for sqlx::Postgres {
    fn options(dsn: &Dsn) -> Result<sqlx::postgres::PgConnectOptions, Error> {
        use sqlx::postgres::{PgConnectOptions, PgSslMode};
        let mode = match dsn.parameter("sslmode") {
            Some("verify-full") => PgSslMode::VerifyFull,
            Some("verify-ca") => PgSslMode::VerifyCa,
            Some("disable") => PgSslMode::Disable,
            other => return Err(unknown(other)),
        };
        // `any` asks for nothing.
        if let Some(attrs) = dsn.parameter("target_session_attrs").filter(|attrs| *attrs != "any") {
            let what = format!("sqlx cannot look for a server by `target_session_attrs={attrs}`");
            return Err(Error::Setup(format!("{what}: use another endpoint")));
        }
        let options = PgConnectOptions::new_without_pgpass()
            .host(dsn.host())
            .port(dsn.port())
            .username(dsn.user())
            .password(dsn.password())
            .database(dsn.dbname())
            .application_name(dsn.parameter("application_name").unwrap_or_default())
            .ssl_mode(mode);
        Ok(match dsn.ca_pem() {
            Some(pem) => options.ssl_root_cert_from_pem(pem.into()),
            None => options,
        })
    }
}

#[cfg(feature = "sqlx-mysql")]
impl Connect for sqlx::MySql {
    fn options(dsn: &Dsn) -> Result<sqlx::mysql::MySqlConnectOptions, Error> {
        use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
        let mode = match dsn.parameter("ssl-mode") {
            Some("VERIFY_IDENTITY") => MySqlSslMode::VerifyIdentity,
            Some("VERIFY_CA") => MySqlSslMode::VerifyCa,
            Some("DISABLED") => MySqlSslMode::Disabled,
            other => return Err(unknown(other)),
        };
        // The password itself is for nobody but the database.
        let is_verified = matches!(mode, MySqlSslMode::VerifyIdentity);
        let options = MySqlConnectOptions::new()
            .host(dsn.host())
            .port(dsn.port())
            .username(dsn.user())
            .password(dsn.password())
            .database(dsn.dbname())
            .ssl_mode(mode)
            .enable_cleartext_plugin(is_verified && dsn.flag("enable-cleartext-plugin"));
        Ok(match dsn.ca_pem() {
            Some(pem) => options.ssl_ca_from_pem(pem.into()),
            None => options,
        })
    }
}

fn unknown(mode: Option<&str>) -> Error {
    Error::Answer(format!("{mode:?} is no mode of TLS that this client knows: use a newer one"))
}

/// A pool whose connections always have the present credential, for as long as this lives: see [`Keeper::sqlx_pool`].
///
/// It is used as the [`Pool`] that it derefs to: `.fetch_all(&*pool)`. Those who share it share an [`Arc`](std::sync::Arc)
/// of it. A clone of the pool inside does not keep the keeper: when this is dropped, the asking ends, and such a clone opens
/// connections only until the last credential has ended.
pub struct KeptPool<DB: Connect> {
    pool: Pool<DB>,
    task: JoinHandle<()>,
}

impl<DB: Connect> Deref for KeptPool<DB> {
    type Target = Pool<DB>;

    fn deref(&self) -> &Pool<DB> {
        &self.pool
    }
}

impl<DB: Connect> Drop for KeptPool<DB> {
    fn drop(&mut self) {
        // The task has the keeper, and a clone of the pool.
        self.task.abort();
    }
}

impl<DB: Connect> fmt::Debug for KeptPool<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptPool").finish_non_exhaustive()
    }
}

impl Keeper {
    /// A pool of sqlx whose connections always have the present credential: a new one is used for what is opened from
    /// then on, and what was opened with another is closed when it comes back, and at the latest before it is given out
    /// again. This keeper lives until the pool is closed, or dropped: who wants to [`Keeper::revoke`] in the end, or to look
    /// at [`Keeper::last_error`], has a clone.
    ///
    /// `before_acquire` and `after_release` of the options are taken.
    ///
    /// ```
    /// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
    /// # use {dsn_broker_sdk::Broker, sqlx::postgres::PgPoolOptions};
    /// let keeper = Broker::from_env()?.keep("orders-reader").await?;
    /// let pool = keeper.sqlx_pool(PgPoolOptions::new().max_connections(8)).await?;
    /// let orders: i64 = sqlx::query_scalar("select count(*) from app.orders").fetch_one(&*pool).await?;
    /// assert_eq!(orders, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the present DSN has ended, or sqlx cannot be told what it says.
    pub async fn sqlx_pool<DB: Connect>(self, options: PoolOptions<DB>) -> Result<KeptPool<DB>, Error>
    where
        DB::Connection: Send,
    {
        // First, and the options from what it has seen: no change is missed.
        let mut changes = self.changes();
        self.current()?;
        let (given, released) = (self.state(), self.state());
        let options = options
            .before_acquire(move |_, about| Box::pin(ready(Ok(!given.borrow().is_outdated(about.age)))))
            .after_release(move |_, about| Box::pin(ready(Ok(!released.borrow().is_outdated(about.age)))));
        let pool = options.connect_lazy_with(DB::options(changes.seen())?);
        let followed = pool.clone();
        let task = tokio::spawn(async move {
            // The asking goes on for as long as this does.
            let _keeper = self;
            loop {
                let dsn = tokio::select! {
                    () = followed.close_event() => return,
                    dsn = changes.next() => match dsn {
                        Some(dsn) => dsn,
                        None => return,
                    },
                };
                // What cannot be understood is left out; the pool goes on with what it has for as long as that lives.
                if let Ok(options) = DB::options(&dsn) {
                    followed.set_connect_options(options);
                }
            }
        });
        Ok(KeptPool { pool, task })
    }
}

#[cfg(test)]
mod tests;
