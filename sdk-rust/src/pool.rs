//! Pools that survive a change of their credential.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::pool::PoolOptions;
use sqlx::{Connection, Database, Pool};
use tokio::time::Instant;

use crate::{Dsn, Error, Keeper};

/// A database of sqlx that can be connected to with a [`Dsn`].
pub trait Connect: Database {
    /// What a connection with this DSN is made from.
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
        let options = MySqlConnectOptions::new()
            .host(dsn.host())
            .port(dsn.port())
            .username(dsn.user())
            .password(dsn.password())
            .database(dsn.dbname())
            .ssl_mode(mode);
        Ok(match dsn.ca_pem() {
            Some(pem) => options.ssl_ca_from_pem(pem.into()),
            None => options,
        })
    }
}

fn unknown(mode: Option<&str>) -> Error {
    Error::Answer(format!("{mode:?} is no mode of TLS that this client knows: use a newer one"))
}

impl Keeper {
    /// A pool of sqlx whose connections always have the present credential: a new one is used for what is opened from
    /// then on, and what was opened with another is closed before it is given out again. The keeper lives until the pool
    /// is closed.
    ///
    /// `before_acquire` of the options is taken.
    pub async fn sqlx_pool<DB: Connect>(self, options: PoolOptions<DB>) -> Result<Pool<DB>, Error>
    where
        DB::Connection: Send,
    {
        let since = Arc::new(Mutex::new(Instant::now()));
        let current = Arc::clone(&since);
        let options = options.before_acquire(move |_, about| {
            let since = *current.lock().unwrap_or_else(PoisonError::into_inner);
            let is_present = about.age <= since.elapsed();
            Box::pin(std::future::ready(Ok(is_present)))
        });
        let pool = options.connect_lazy_with(DB::options(&*self.current()?)?);
        let (followed, mut changes) = (pool.clone(), self.changes());
        tokio::spawn(async move {
            loop {
                let dsn = tokio::select! {
                    () = followed.close_event() => break,
                    dsn = changes.next() => dsn,
                };
                let Some(dsn) = dsn else { break };
                // What cannot be understood is left out; the pool goes on with what it has for as long as that lives.
                if let Ok(options) = DB::options(&dsn) {
                    followed.set_connect_options(options);
                    *since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                }
            }
            self.stop().await;
        });
        Ok(pool)
    }
}
