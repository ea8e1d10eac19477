//! The broker's own connections to one server: opened when needed, kept for the next, never more than allowed.
//!
//! Not a pool of the driver's, for three reasons. A refused connection is an error at once and with its cause
//! (a dead database must be seen as dead soon). What a caller abandons is closed, so that a server that hangs
//! cannot keep its place. And nothing is asked of a connection before or after its use: a stale one is
//! replaced when it fails, since all that is done here may be done twice.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::engine::kept::log_in;
use crate::engine::postgres::PasswordSource;
use crate::engine::postgres::create::PASSWORD_SETTING;
use crate::engine::postgres::failure::{Failure, Kind, LOCK_NOT_AVAILABLE};
use crate::entropy::{self, Entropy};
use crate::secret::Secret;

/// The broker's connections to one server.
pub(super) struct Connections {
    options: PgConnectOptions,
    password: Arc<dyn PasswordSource>,
    /// How many may be open at once.
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
    entropy: Arc<dyn Entropy>,
}

struct Idle {
    connection: PgConnection,
    since: Instant,
}

impl Connections {
    /// Connects to nothing yet.
    pub(super) fn new(
        options: PgConnectOptions,
        password: Arc<dyn PasswordSource>,
        at_once: usize,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let slots = Semaphore::new(at_once);
        Self { options, password, slots, idle: Mutex::new(Vec::new()), entropy }
    }

    /// Runs `sql`, which must be fit to be run again: in one round trip, and again if others were in the way.
    ///
    /// Has no time limit of its own. Dropping the future closes the connection.
    pub(super) async fn run(&self, sql: &str) -> Result<Vec<PgRow>, Failure> {
        self.run_with(None, sql).await
    }

    /// The same, with this password in [`PASSWORD_SETTING`] meanwhile.
    pub(super) async fn run_with(&self, password: Option<&Secret>, sql: &str) -> Result<Vec<PgRow>, Failure> {
        let _slot = self.slot().await?;
        let mut attempt = 1;
        loop {
            let (mut connection, reused) = match self.take() {
                Some(connection) => (connection, true),
                None => (self.connect(&self.options).await?, false),
            };
            match execute_with(&mut connection, password, sql).await {
                Ok(rows) => {
                    self.put_back(connection);
                    return Ok(rows);
                }
                // The server may have been restarted since: then none of those that are kept is good.
                Err(failure) if failure.kind == Kind::Broken && reused => self.forget_idle(),
                Err(failure) if failure.kind == Kind::Busy && attempt < attempts(&failure) => {
                    self.put_back(connection);
                    self.pause(attempt).await;
                    attempt += 1;
                }
                Err(failure) => {
                    if failure.code.is_some() && failure.kind != Kind::Broken {
                        self.put_back(connection);
                    }
                    return Err(failure.at(&self.place()));
                }
            }
        }
    }

    /// The same in another database of the server, on a connection that is closed afterwards.
    pub(super) async fn run_in(&self, dbname: &str, sql: &str) -> Result<Vec<PgRow>, Failure> {
        let _slot = self.slot().await?;
        let place = format!("database {dbname:?}");
        let options = self.options.clone().database(dbname);
        let mut connection = self.connect(&options).await.map_err(|failure| failure.at(&place))?;
        let mut attempt = 1;
        let result = loop {
            match execute(&mut connection, sql).await {
                Err(failure) if failure.kind == Kind::Busy && attempt < attempts(&failure) => {
                    self.pause(attempt).await;
                    attempt += 1;
                }
                result => break result,
            }
        };
        // Only a courtesy: what was asked has been answered.
        let _ = connection.close().await;
        result.map_err(|failure| failure.at(&place))
    }

    /// Whether a user logs in with this password.
    pub(super) async fn logs_in(&self, username: &str, password: &Secret) -> Result<bool, Failure> {
        let _slot = self.slot().await?;
        let options = self.options.clone().username(username).password(password.expose());
        match options.connect().await.map_err(Failure::from) {
            Ok(connection) => {
                let _ = connection.close().await;
                Ok(true)
            }
            Err(failure) if failure.is_wrong_password() => Ok(false),
            Err(failure) => Err(failure.at(&self.place())),
        }
    }

    async fn slot(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        self.slots.acquire().await.map_err(|_| Failure::refused("the engine is closed"))
    }

    async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection, Failure> {
        let connect = |password: Secret| async move {
            let options = options.clone().password(password.expose());
            options.connect().await.map_err(|error| Failure::from(error).at(&self.place()))
        };
        log_in(&*self.password, connect, Failure::is_wrong_password).await
    }

    fn take(&self) -> Option<PgConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|idle| idle.since.elapsed() < LONGEST_IDLE);
        idle.pop().map(|idle| idle.connection)
    }

    fn put_back(&self, connection: PgConnection) {
        let idle = Idle { connection, since: Instant::now() };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(idle);
    }

    fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// 10 to 20 ms, doubled with every attempt, so that those who collided do not collide again.
    async fn pause(&self, attempt: u32) {
        let base = Duration::from_millis(10) * 2_u32.pow(attempt - 1);
        tokio::time::sleep(base.mul_f64(1.0 + entropy::unit(&*self.entropy))).await;
    }

    /// Where the server is, for people.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.options.get_host(), self.options.get_port())
    }
}

/// The password goes as a value beside the statement, which is all that the server shows and counts.
async fn execute_with(
    connection: &mut PgConnection,
    password: Option<&Secret>,
    sql: &str,
) -> Result<Vec<PgRow>, Failure> {
    let Some(password) = password else { return execute(connection, sql).await };
    let set = |value| sqlx::query("SELECT set_config($1, $2, false)").bind(PASSWORD_SETTING).bind(value);
    set(password.expose()).execute(&mut *connection).await?;
    let result = execute(connection, sql).await;
    if result.is_ok() {
        set("").execute(connection).await?;
    }
    result
}

async fn execute(connection: &mut PgConnection, sql: &str) -> Result<Vec<PgRow>, Failure> {
    // Safe: every name and value in it went through `quote`.
    Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?)
}

/// How often a statement is tried that others are in the way of.
fn attempts(failure: &Failure) -> u32 {
    // Who has waited for a lock has waited long: a quarter of the time there is.
    if failure.is(LOCK_NOT_AVAILABLE) { 2 } else { 6 }
}

/// Less than what firewalls and proxies commonly let a silent connection live.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
