//! The broker's own connections to one server: opened when needed, kept for the next, never more than allowed.
//!
//! Not a pool of the driver's, for the reasons of `engine/postgres/connections.rs`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::engine::kept::log_in;
use crate::engine::mysql::failure::{ACCESS_DENIED, Failure, Kind};
use crate::engine::mysql::grants::Grants;
use crate::engine::mysql::{Host, RDS_KILL};
use crate::engine::postgres::PasswordSource;
use crate::entropy::{self, Entropy};
use crate::secret::Secret;

/// The broker's connections to one server.
pub(super) struct Connections {
    options: MySqlConnectOptions,
    password: Arc<dyn PasswordSource>,
    host: Host,
    timeout: Duration,
    /// How many may be open at once.
    slots: Semaphore,
    idle: Mutex<Vec<Session>>,
    entropy: Arc<dyn Entropy>,
}

/// What a server is, as far as statements differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) flavour: Flavour,
    pub(super) host: Host,
    /// As it says.
    pub(super) version: String,
    /// Whether `_` and `%` in the name of a database stand for others when privileges are granted.
    pub(super) has_patterns: bool,
    /// Whether the broker's user sees the sessions of others.
    pub(super) sees_sessions: bool,
}

impl Server {
    /// Without the privilege the server shows fewer sessions and says nothing: users would seem to have none.
    pub(super) fn must_show_sessions(&self) -> Result<(), Failure> {
        match self.sees_sessions {
            true => Ok(()),
            false => Err(Failure::refused(
                "the broker's user does not see the sessions that it would have to end: grant it PROCESS ON *.*",
            )),
        }
    }

    /// What ends a session of anybody's.
    pub(super) fn kill(&self, session: u64) -> String {
        match self.host {
            Host::Own => format!("KILL CONNECTION {session}"),
            Host::Rds => format!("CALL {RDS_KILL}({session})"),
        }
    }
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    MariaDb,
    Mysql,
}

struct Session {
    connection: MySqlConnection,
    server: Server,
    since: Instant,
}

impl Connections {
    /// Connects to nothing yet.
    pub(super) fn new(
        options: MySqlConnectOptions,
        password: Arc<dyn PasswordSource>,
        host: Host,
        at_once: usize,
        timeout: Duration,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let slots = Semaphore::new(at_once);
        Self { options, password, host, timeout, slots, idle: Mutex::new(Vec::new()), entropy }
    }

    /// Runs what `sql` says for this server, which must be fit to be run again: in one round trip, and again if others
    /// were in the way. The rows are those of the last statement that has any.
    ///
    /// Has no time limit of its own. Dropping the future closes the connection.
    pub(super) async fn run(
        &self,
        sql: impl Fn(&Server) -> Result<String, Failure>,
    ) -> Result<Vec<MySqlRow>, Failure> {
        let _slot = self.slots.acquire().await.map_err(|_| Failure::refused("the engine is closed"))?;
        let mut attempt = 1;
        loop {
            let (mut session, reused) = match self.take() {
                Some(session) => (session, true),
                None => (self.connect().await.map_err(|failure| failure.at(&self.place()))?, false),
            };
            let sql = match sql(&session.server) {
                // What the server lets us do may have changed since it was asked.
                Err(_) if reused => {
                    self.forget_idle();
                    continue;
                }
                sql => Secret::new(sql?),
            };
            match execute(&mut session.connection, sql.expose()).await {
                Ok(rows) => {
                    self.put_back(session);
                    return Ok(rows);
                }
                // The server may have been restarted since: then none of those that are kept is good.
                Err(failure) if failure.kind == Kind::Broken && reused => self.forget_idle(),
                // A session has the privileges on the whole server that its user had when it began.
                Err(failure) if failure.is_denied() && reused => self.forget_idle(),
                Err(failure) if failure.kind == Kind::Busy && attempt < ATTEMPTS => {
                    self.put_back(session);
                    self.pause(attempt).await;
                    attempt += 1;
                }
                Err(failure) => {
                    if failure.number.is_some() && failure.kind != Kind::Broken {
                        self.put_back(session);
                    }
                    return Err(failure.at(&self.place()));
                }
            }
        }
    }

    /// Asks what the server is.
    pub(super) async fn server(&self) -> Result<Server, Failure> {
        // Each session asked when it began.
        let said = Mutex::new(None);
        self.run(|server| {
            *said.lock().unwrap_or_else(PoisonError::into_inner) = Some(server.clone());
            Ok("DO 0".to_owned())
        })
        .await?;
        let said = said.into_inner().unwrap_or_else(PoisonError::into_inner);
        said.ok_or_else(|| Failure::refused("the server gave no version"))
    }

    /// Whether a user logs in with this password.
    pub(super) async fn logs_in(&self, username: &str, password: &Secret) -> Result<bool, Failure> {
        let _slot = self.slots.acquire().await.map_err(|_| Failure::refused("the engine is closed"))?;
        // The broker's own user may log in with a token; nobody else's password is shown to the server.
        let options = self.options.clone().enable_cleartext_plugin(false);
        let options = options.username(username).password(password.expose());
        match options.connect().await.map_err(Failure::from) {
            Ok(connection) => {
                let _ = connection.close().await;
                Ok(true)
            }
            Err(failure) if failure.is(ACCESS_DENIED) => Ok(false),
            Err(failure) => Err(failure.at(&self.place())),
        }
    }

    /// Whether it is the broker's own user.
    pub(super) fn is_own(&self, username: &str) -> bool {
        self.options.get_username() == username
    }

    /// Waits a little, and longer each time: 10 to 20 ms, doubled up to ten times that.
    pub(super) async fn pause(&self, attempt: u32) {
        let base = Duration::from_millis(10) * 2_u32.pow(attempt.min(4) - 1);
        tokio::time::sleep(base.mul_f64(1.0 + entropy::unit(&*self.entropy))).await;
    }

    /// Where the server is, for people.
    pub(super) fn place(&self) -> String {
        format!("{}:{}", self.options.get_host(), self.options.get_port())
    }

    async fn connect(&self) -> Result<Session, Failure> {
        let connect = |password: Secret| async move {
            self.options.clone().password(password.expose()).connect().await.map_err(Failure::from)
        };
        let mut connection = log_in(&*self.password, connect, |failure| failure.is(ACCESS_DENIED)).await?;
        // Short enough that trying again fits into the time there is. The modes are those that `quote` counts on.
        let seconds = (self.timeout / 4).as_secs().max(1);
        let settings = format!("SET SESSION lock_wait_timeout = {seconds}, SESSION sql_mode = ''");
        execute(&mut connection, &settings).await?;
        let version = first_text(&execute(&mut connection, "SELECT VERSION()").await?)?;
        let flavour =
            if version.to_lowercase().contains("mariadb") { Flavour::MariaDb } else { Flavour::Mysql };
        let has_patterns = match flavour {
            Flavour::MariaDb => true,
            // <https://dev.mysql.com/doc/refman/8.4/en/partial-revokes.html>: names are taken literally then.
            Flavour::Mysql => {
                let rows = execute(&mut connection, "SHOW VARIABLES LIKE 'partial_revokes'").await?;
                let on = |row: &MySqlRow| row.try_get::<String, _>(1).is_ok_and(|value| value == "ON");
                !rows.first().is_some_and(on)
            }
        };
        let own = Grants::of(&execute(&mut connection, "SHOW GRANTS").await?)?;
        let host = self.host;
        let server =
            Server { flavour, host, version, has_patterns, sees_sessions: own.everywhere("PROCESS") };
        Ok(Session { connection, server, since: Instant::now() })
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|session| session.since.elapsed() < LONGEST_IDLE);
        idle.pop()
    }

    fn put_back(&self, session: Session) {
        let session = Session { since: Instant::now(), ..session };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    fn forget_idle(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The first column of a row.
pub(super) fn text(row: &MySqlRow) -> Result<String, Failure> {
    Ok(row.try_get(0)?)
}

fn first_text(rows: &[MySqlRow]) -> Result<String, Failure> {
    rows.first().map_or_else(|| Err(Failure::refused("the server gave no answer")), text)
}

async fn execute(connection: &mut MySqlConnection, sql: &str) -> Result<Vec<MySqlRow>, Failure> {
    // Safe: every name and value in it went through `quote`.
    Ok(sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection).await?)
}

/// How often a statement is tried that others are in the way of.
const ATTEMPTS: u32 = 4;

/// Less than what firewalls and proxies commonly let a silent connection live.
const LONGEST_IDLE: Duration = Duration::from_secs(60);
