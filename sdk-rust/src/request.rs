use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Method;
use reqwest::header::{DATE, HeaderMap};
use serde::Serialize;
use tokio::time::Instant;

use crate::dsn::Answer;
use crate::{Broker, Dsn, Error, Keeper, keeper};

/// A DSN that is wanted.
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use {dsn_broker_sdk::Broker, std::time::Duration};
/// let broker = Broker::from_env()?;
/// let request = broker.request("orders-request").format("psycopg").ttl(Duration::from_secs(300));
/// let dsn = request.ca_file("/etc/dsn/ca.pem").patience(Duration::from_secs(60)).get().await?;
/// assert!(dsn.text().contains("verify-full") && !dsn.is_shared());
/// assert!(dsn.remaining() <= Duration::from_secs(300));
/// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Request {
    broker: Broker,
    role: String,
    wanted: Wanted,
    patience: Duration,
    check: Duration,
}

/// What is wanted of it; the names are those of the call.
#[derive(Clone, Debug, Default, Serialize)]
struct Wanted {
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    fresh: bool,
}

impl Request {
    pub(crate) fn new(broker: Broker, role: &str) -> Self {
        // A program takes the parts, and the CA by itself: no text is needed that names a file.
        let wanted = Wanted { format: Some("json".to_owned()), ..Wanted::default() };
        Self { broker, role: role.to_owned(), wanted, patience: Duration::ZERO, check: CHECK }
    }

    /// The format of the text, by the name of the driver that reads it: `sqlx`, `psycopg`, … Default: `json`.
    pub fn format(mut self, format: impl Into<String>) -> Self {
        self.wanted.format = Some(format.into());
        self
    }

    /// The way into the database. Default: the role's first.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.wanted.endpoint = Some(endpoint.into());
        self
    }

    /// The file that has, or will have, the CA of the database, for formats that name one.
    pub fn ca_file(mut self, path: impl Into<String>) -> Self {
        self.wanted.ca_file = Some(path.into());
        self
    }

    /// The operating system, for formats that have to say where it keeps its roots: `debian`, `alpine`, …
    pub fn os(mut self, os: impl Into<String>) -> Self {
        self.wanted.os = Some(os.into());
        self
    }

    /// How long the credential is to live, in whole seconds and at least one, at most the role's maximum. It is then
    /// this caller's own, as with [`Request::fresh`].
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.wanted.ttl = Some(format!("{}s", ttl.as_secs().max(1)));
        // One that is as long as the role's would be shared.
        self.fresh()
    }

    /// A credential that is shared with nobody. A role that has one password for all refuses this.
    pub fn fresh(mut self) -> Self {
        self.wanted.fresh = true;
        self
    }

    /// For how long [`Request::get`] and [`Request::keep`] may try again, with pauses that grow and are as long as the broker
    /// wants, where what is wrong may pass: a broker that is away, or has too much to do. Default: not at all.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How often a keeper looks whether its lease still stands, to have another soon where it was revoked. Default: every
    /// minute; zero: never. Leases that a whole role shares, and those of rotated passwords, are shown to nobody but who
    /// asked first and to operators: of these the keeper learns when it is time for the next, or by [`Keeper::refresh`].
    pub fn check_every(mut self, interval: Duration) -> Self {
        self.check = interval;
        self
    }

    /// Asks, with one request.
    ///
    /// # Errors
    ///
    /// If the broker cannot be asked, does not answer or refuses: [`Error::kind`] says why, [`Error::is_transient`] whether
    /// it may pass.
    pub async fn get(&self) -> Result<Dsn, Error> {
        keeper::first(self, self.patience).await
    }

    /// Asks once.
    pub(crate) async fn ask(&self) -> Result<Dsn, Error> {
        let path = ["v1", "dsn", &self.role];
        let asked = Instant::now();
        let response = match self.wanted.fresh {
            true => self.broker.send(Method::POST, &path, |request| request.json(&self.wanted)).await?,
            false => self.broker.send(Method::GET, &path, |request| request.query(&self.wanted)).await?,
        };
        let date = date(response.headers());
        let answer: Answer = response.json().await.map_err(|error| match error.is_decode() {
            // What it could not read has a password in it.
            true => Error::Answer("it is no DSN with its parts".to_owned()),
            false => Error::Unreachable(error.without_url()),
        })?;
        Dsn::new(answer, date, asked)
    }

    /// Asks until it is told to stop: see [`Keeper`]. The first DSN is waited for.
    ///
    /// # Errors
    ///
    /// As [`Request::get`], which brings the first.
    pub async fn keep(self) -> Result<Keeper, Error> {
        Keeper::start(self).await
    }

    pub(crate) fn checks(&self) -> Option<Duration> {
        // The broker is not to be flooded.
        (!self.check.is_zero()).then_some(self.check.max(Duration::from_millis(10)))
    }

    pub(crate) fn role(&self) -> &str {
        &self.role
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }
}

const CHECK: Duration = Duration::from_secs(60);

/// What the broker's clock says.
fn date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let text = headers.get(DATE)?.to_str().ok()?;
    DateTime::parse_from_rfc2822(text).ok().map(|date| date.to_utc())
}
