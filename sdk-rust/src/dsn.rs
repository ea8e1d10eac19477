use std::fmt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;
use zeroize::Zeroize as _;

use crate::Error;

/// A DSN with its parts and times. Its secrets are read by [`Dsn::text`], [`Dsn::password`] and [`Dsn::parameter`],
/// and are not in `Debug`.
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use dsn_broker_sdk::Broker;
/// let dsn = Broker::from_env()?.dsn("orders-reader").await?;
/// assert_eq!((dsn.database(), dsn.engine(), dsn.endpoint()), ("orders", "postgres", "primary"));
/// assert_eq!((dsn.host(), dsn.parameter("sslmode")), ("localhost", Some("verify-full")));
/// assert!(dsn.ca_pem().is_some(), "this database has a private CA");
/// assert!(!format!("{dsn:?}").contains(dsn.password()));
/// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
/// ```
pub struct Dsn {
    answer: Answer,
    /// How far this machine's clock is behind the broker's.
    behind: TimeDelta,
    /// When it came, and what was left of it then.
    came: Instant,
    left: Duration,
}

/// The broker's answer.
#[derive(Deserialize)]
pub(crate) struct Answer {
    lease_id: String,
    role: String,
    database: String,
    engine: String,
    endpoint: String,
    format: String,
    dsn: String,
    parameters: Map<String, Value>,
    ca_pem: Option<String>,
    shared: bool,
    refresh_after: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl Dsn {
    /// What was answered to those who began to ask at `asked`, with the date of the answer.
    pub(crate) fn new(answer: Answer, date: Option<DateTime<Utc>>, asked: Instant) -> Result<Self, Error> {
        let (now, came) = (now(), Instant::now());
        // The header has no fractions, and was written at any time since: the broker's clock is never further than this.
        let later = TimeDelta::from_std(came - asked).unwrap_or_default() + TimeDelta::seconds(1);
        let behind = date.map_or(TimeDelta::zero(), |date| date + later - now);
        let left = (answer.expires_at - now - behind).to_std().unwrap_or_default();
        if left.is_zero() {
            return Err(Error::Answer(format!("its DSN ended at {}", answer.expires_at)));
        }
        Ok(Self { answer, behind, came, left })
    }

    /// The text, in the format that was asked for.
    pub fn text(&self) -> &str {
        &self.answer.dsn
    }

    /// The host, as the certificate names it.
    pub fn host(&self) -> &str {
        self.parameter("host").unwrap_or_default()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.number("port").and_then(|port| port.try_into().ok()).unwrap_or_default()
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.parameter("user").unwrap_or_default()
    }

    /// The password or token.
    pub fn password(&self) -> &str {
        self.parameter("password").unwrap_or_default()
    }

    /// The database, by its name on the server.
    pub fn dbname(&self) -> &str {
        self.parameter("dbname").unwrap_or_default()
    }

    /// A parameter that is a text: `sslmode`, `application_name`, …
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.answer.parameters.get(name).and_then(Value::as_str)
    }

    /// All parameters, the password among them.
    pub fn parameters(&self) -> &Map<String, Value> {
        &self.answer.parameters
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.answer.parameters.get(name).and_then(Value::as_u64)
    }

    #[cfg(feature = "sqlx-mysql")]
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.answer.parameters.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// The CA to trust, PEM; none where it is the operating system's business.
    pub fn ca_pem(&self) -> Option<&str> {
        self.answer.ca_pem.as_deref()
    }

    /// The lease.
    pub fn lease_id(&self) -> &str {
        &self.answer.lease_id
    }

    /// The role.
    pub fn role(&self) -> &str {
        &self.answer.role
    }

    /// The database, by its name at the broker.
    pub fn database(&self) -> &str {
        &self.answer.database
    }

    /// What made the credential: `postgres`, `neon`, …
    pub fn engine(&self) -> &str {
        &self.answer.engine
    }

    /// The way into the database.
    pub fn endpoint(&self) -> &str {
        &self.answer.endpoint
    }

    /// The format of the text.
    pub fn format(&self) -> &str {
        &self.answer.format
    }

    /// Whether others hold the same credential.
    pub fn is_shared(&self) -> bool {
        self.answer.shared
    }

    /// When to ask again, by the broker's clock.
    pub fn refresh_after(&self) -> DateTime<Utc> {
        self.answer.refresh_after
    }

    /// When the credential ends, by the broker's clock.
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.answer.expires_at
    }

    /// How long it is good for, whatever this machine's clock says; nothing when it has ended.
    pub fn remaining(&self) -> Duration {
        // A machine that slept counts nothing by the one, and one whose clock was set errs by the other.
        let by_clock = (self.answer.expires_at - now() - self.behind).to_std().unwrap_or_default();
        self.left.saturating_sub(self.came.elapsed()).min(by_clock)
    }

    /// Whether it says the same: only its times may be others.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (one, other) = (&self.answer, &other.answer);
        one.lease_id == other.lease_id
            && one.dsn == other.dsn
            && one.parameters == other.parameters
            && one.ca_pem == other.ca_pem
    }

    /// How long ago it ended; nothing while it is good.
    pub(crate) fn ended_for(&self) -> Duration {
        let by_clock = (now() + self.behind - self.answer.expires_at).to_std().unwrap_or_default();
        self.came.elapsed().saturating_sub(self.left).max(by_clock)
    }

    /// How long until it is time to ask again.
    pub(crate) fn until_refresh(&self) -> Duration {
        let overlap = (self.answer.expires_at - self.answer.refresh_after).to_std().unwrap_or_default();
        self.remaining().saturating_sub(overlap)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.dsn.zeroize();
        for value in self.parameters.values_mut() {
            if let Value::String(text) = value {
                text.zeroize();
            }
        }
    }
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dsn")
            .field("lease_id", &self.answer.lease_id)
            .field("role", &self.answer.role)
            .field("endpoint", &self.answer.endpoint)
            .field("expires_at", &self.answer.expires_at)
            .finish_non_exhaustive()
    }
}

/// What this machine's clock says.
#[expect(clippy::disallowed_methods, reason = "a DSN ends by the world's clock, whatever a test says")]
pub(crate) fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
pub(crate) mod tests;
