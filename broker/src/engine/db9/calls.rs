//! The calls of DB9's API that the engine makes (<https://db9.ai/docs>).

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use crate::config;
use crate::engine::api::{ApiClient, ApiError, Provider, Request};
use crate::engine::{BuildError, EngineError};
use crate::secret::Secret;
use crate::time::Timestamp;

/// DB9's API, for one database.
pub(super) struct Calls {
    api: ApiClient,
    /// The database's identifier: the tenant.
    database: String,
    /// How many may be under way at once.
    slots: Semaphore,
}

/// `GET /customer/databases/{id}`
#[derive(Deserialize)]
pub(super) struct Database {
    #[serde(default)]
    pub(super) name: String,
    pub(super) state: String,
    pub(super) region: Option<String>,
    connection_string: Option<String>,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    host: String,
    port: u16,
    #[serde(default)]
    priority: i64,
    #[serde(default = "yes")]
    enabled: bool,
}

/// Where a database is reached.
#[derive(Deserialize)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    #[serde(rename = "database")]
    pub(super) dbname: String,
}

/// `POST …/connect-token`
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(flatten)]
    pub(super) server: Server,
    pub(super) user: String,
    #[serde(deserialize_with = "secret")]
    pub(super) token: Secret,
    expires_at: Timestamp,
    expires_in_seconds: Option<u64>,
}

/// `GET …/credentials` and `POST …/reset-password`
#[derive(Deserialize)]
pub(super) struct AdminPassword {
    #[serde(rename = "admin_user")]
    pub(super) user: String,
    #[serde(rename = "admin_password", deserialize_with = "secret")]
    pub(super) password: Secret,
}

/// One of `GET …/users`
#[derive(Deserialize)]
pub(super) struct User {
    pub(super) name: String,
    #[serde(default)]
    pub(super) is_superuser: bool,
    #[serde(default = "yes")]
    pub(super) can_login: bool,
    #[serde(default)]
    pub(super) can_create_db: bool,
    #[serde(default)]
    pub(super) can_create_role: bool,
}

/// `POST …/sql`: a success also where the statement failed.
#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    rows: Vec<Value>,
    error: Option<Value>,
}

impl Calls {
    /// Asks nothing yet.
    pub(super) fn new(section: &config::Db9, database: &config::Database) -> Result<Self, BuildError> {
        let authorization = Secret::new(format!("Bearer {}", section.api_token.read()?.expose()));
        Ok(Self {
            api: ApiClient::new(&PROVIDER, &section.api, &authorization, database.timeout.0)?,
            database: section.database.clone(),
            slots: Semaphore::new(usize::try_from(database.concurrency).unwrap_or(1).max(1)),
        })
    }

    /// A user as it is written at the start of a session.
    pub(super) fn wire_name(&self, user: &str) -> String {
        format!("{}.{user}", self.database)
    }

    /// What the database is.
    pub(super) async fn database(&self) -> Result<Database, ApiError> {
        let _slot = self.slot().await?;
        self.api.ask(Request::new(Method::GET, &self.path(&[]))).await
    }

    /// A token for a user that is there, and for nobody else.
    pub(super) async fn connect_token(&self, role: &str) -> Result<Token, EngineError> {
        let _slot = self.slot().await?;
        let path = self.path(&["connect-token"]);
        let request = Request::new(Method::POST, &path).json(&json!({ "role": role }));
        let token: Token = self.api.ask(request).await.map_err(|error| {
            let scoped =
                ": a token that is scoped to a database cannot make connect tokens; use one that is not";
            explain(error, StatusCode::FORBIDDEN, scoped)
        })?;
        // Whether it refuses a user that is not there is not documented: it must not be somebody else's.
        if token.user != self.wire_name(role) {
            let (got, wanted) = (&token.user, self.wire_name(role));
            let detail = format!("DB9 made a token for {got:?} where one for {wanted:?} was asked for");
            return Err(EngineError::Refused { detail });
        }
        Ok(token)
    }

    /// All users.
    pub(super) async fn users(&self) -> Result<Vec<User>, ApiError> {
        let _slot = self.slot().await?;
        self.api.ask(Request::new(Method::GET, &self.path(&["users"]))).await
    }

    /// The user of this name.
    pub(super) async fn user(&self, name: &str) -> Result<Option<User>, ApiError> {
        Ok(self.users().await?.into_iter().find(|user| user.name == name))
    }

    /// Makes a user without any privileges.
    pub(super) async fn create_user(&self, name: &str, password: &Secret) -> Result<(), ApiError> {
        let _slot = self.slot().await?;
        let body = json!({ "username": name, "password": password.expose() });
        let made = self.api.tell(Request::new(Method::POST, &self.path(&["users"])).json(&body)).await;
        made.map_err(|error| explain(error, StatusCode::GONE, &format!(": {PASSWORDLESS}")))
    }

    /// The present password of `admin`; none where the database is passwordless.
    pub(super) async fn admin_password(&self) -> Result<Option<AdminPassword>, ApiError> {
        let _slot = self.slot().await?;
        match self.api.ask(Request::new(Method::GET, &self.path(&["credentials"]))).await {
            Err(ApiError::Refused { status: StatusCode::GONE, .. }) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Has another password made up for `admin`: the one before is no longer good.
    pub(super) async fn reset_admin_password(&self) -> Result<AdminPassword, ApiError> {
        let _slot = self.slot().await?;
        self.api.ask(Request::new(Method::POST, &self.path(&["reset-password"]))).await
    }

    /// Deletes a user.
    pub(super) async fn delete_user(&self, name: &str) -> Result<(), ApiError> {
        let _slot = self.slot().await?;
        self.api.tell(Request::new(Method::DELETE, &self.path(&["users", name]))).await
    }

    /// Runs one statement as `admin`; answers the rows. `what` is said instead of the statement if that fails; of
    /// what the server says `secret` is left out.
    pub(super) async fn sql(
        &self,
        what: &str,
        statement: &str,
        secret: Option<&Secret>,
    ) -> Result<Vec<Value>, EngineError> {
        let _slot = self.slot().await?;
        let path = self.path(&["sql"]);
        let request = Request::new(Method::POST, &path).json(&json!({ "query": statement }));
        let outcome: Outcome = self.api.ask(request).await?;
        let Some(error) = outcome.error.filter(|error| !error.is_null()) else { return Ok(outcome.rows) };
        let said = error.get("message").unwrap_or(&error);
        let said = said.as_str().map_or_else(|| said.to_string(), str::to_owned);
        let said = secret.map_or(said.clone(), |secret| said.replace(secret.expose(), "…"));
        Err(EngineError::Refused { detail: format!("{what}: {}", crate::engine::api::scrubbed(&said)) })
    }

    fn path<'a>(&'a self, rest: &[&'a str]) -> Vec<&'a str> {
        ["customer", "databases", &self.database].into_iter().chain(rest.iter().copied()).collect()
    }

    async fn slot(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        let closed = |_| ApiError::Unavailable { detail: "the engine is closed".to_owned() };
        self.slots.acquire().await.map_err(closed)
    }
}

impl Database {
    /// Where it is reached, as far as the API says it.
    pub(super) fn server(&self) -> Result<Server, EngineError> {
        let best = self.endpoints.iter().filter(|endpoint| endpoint.enabled).min_by_key(|one| one.priority);
        let endpoint = best.map(|one| (one.host.clone(), Some(one.port)));
        let url = self.connection_string.as_deref().and_then(|text| Url::parse(text).ok());
        let named = url.as_ref().and_then(|url| Some((url.host_str()?.to_owned(), url.port())));
        let dbname =
            url.as_ref().map(|url| url.path().trim_start_matches('/')).filter(|name| !name.is_empty());
        let (host, port) = named.or(endpoint).ok_or_else(|| EngineError::Refused {
            detail: "DB9 does not say where the database is: say `host` and `port` of its endpoints"
                .to_owned(),
        })?;
        let dbname = dbname.unwrap_or(DBNAME).to_owned();
        Ok(Server { host, port: port.unwrap_or(PORT), dbname })
    }
}

impl Token {
    /// For how long it is good, by our clock, and never longer than the API says.
    pub(super) fn lifetime(&self, now: Timestamp) -> Result<Duration, EngineError> {
        let left = (self.expires_at - now).to_std().unwrap_or_default();
        let said = self.expires_in_seconds.map_or(left, Duration::from_secs);
        let lifetime = left.min(said);
        if lifetime.is_zero() {
            let end = self.expires_at.to_rfc3339();
            let detail = format!("the token that DB9 made has ended already, at {end}: compare the clocks");
            return Err(EngineError::Refused { detail });
        }
        Ok(lifetime)
    }
}

/// Adds what a status means here.
fn explain(error: ApiError, when: StatusCode, meaning: &str) -> ApiError {
    match error {
        ApiError::Refused { status, detail } if status == when => {
            ApiError::Refused { status, detail: format!("{detail}{meaning}") }
        }
        other => other,
    }
}

fn secret<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
    String::deserialize(from).map(Secret::new)
}

fn yes() -> bool {
    true
}

/// What such a database cannot be used for.
pub(super) const PASSWORDLESS: &str =
    "the database is passwordless and has no such users; use connect tokens";

/// The limit is not documented.
const PROVIDER: Provider = Provider { url: "https://api.db9.ai", requests_per_minute: 300 };

/// Where DB9 listens, and what every database is called, unless the API says otherwise.
const PORT: u16 = 5433;
const DBNAME: &str = "postgres";
