//! DB9 on loopback: its API, and an edge with a real server behind it.
//!
//! Users log in as `<tenant>.<user>`, with a password or a connect token in clear text inside TLS.

mod login;
mod routes;
mod sql;
mod token;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use self::token::Signer;
use crate::ca::Ca;
use crate::clock::Clock;
use crate::edge::{Edge, Refusal};
use crate::postgres::Postgres;
use crate::{Api, blocking, entropy};

/// A database at DB9; it ends when this is dropped.
#[derive(Debug)]
pub struct Db9 {
    api: Api,
    edge: Edge,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    postgres: Postgres,
    clock: Clock,
    signer: Signer,
    /// The identifier of the database.
    tenant: String,
    token: String,
    scoped_token: String,
    now: Mutex<Now>,
}

/// What tests change.
#[derive(Debug)]
struct Now {
    edge_port: u16,
    admin_password: String,
    state: &'static str,
    passwordless: bool,
    token_life: Duration,
}

impl Db9 {
    /// Starts one whose certificate this authority signs, good for `localhost`.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let postgres = Postgres::builder()
            .ca(ca)
            .durable(false)
            .behind_edge()
            .setting("statement_timeout", "60s")
            .setting("idle_in_transaction_session_timeout", "60s");
        let postgres = postgres.start().await?;
        let admin_password = entropy::password()?;
        let admin = format!("CREATE ROLE admin SUPERUSER LOGIN PASSWORD '{admin_password}'");
        postgres.execute("postgres", &admin).await?;
        let clock = Clock::default();
        let state = Arc::new(State {
            postgres,
            clock: clock.clone(),
            signer: blocking(Signer::new).await?,
            tenant: entropy::password()?.chars().take(12).collect(),
            token: format!("db9_{}", entropy::password()?),
            scoped_token: format!("db9_{}", entropy::password()?),
            now: Mutex::new(Now {
                edge_port: 0,
                admin_password,
                state: "ACTIVE",
                passwordless: false,
                token_life: Duration::from_secs(600),
            }),
        });
        let issued = ca.issue(&["localhost", "127.0.0.1", "::1"])?;
        let edge = login::edge(&issued, &state).start().await?;
        state.now().edge_port = edge.port();
        let api = Api::start(&issued, &clock, routes::routes(&state)).await.context("DB9's API")?;
        Ok(Self { api, edge, state })
    }

    /// The API: what was asked, and what is to go wrong.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Where clients of the database connect.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The server behind it.
    pub fn postgres(&self) -> &Postgres {
        &self.state.postgres
    }

    /// The identifier of the database: the tenant.
    pub fn tenant(&self) -> &str {
        &self.state.tenant
    }

    /// An API token that may do everything.
    pub fn token(&self) -> &str {
        &self.state.token
    }

    /// An API token that is scoped to the database: it cannot make connect tokens.
    pub fn scoped_token(&self) -> &str {
        &self.state.scoped_token
    }

    /// The present password of `admin`, as far as the API knows.
    pub fn admin_password(&self) -> String {
        self.state.now().admin_password.clone()
    }

    /// How long new connect tokens live.
    pub fn set_token_life(&self, life: Duration) {
        self.state.now().token_life = life;
    }

    /// What the API says the database is: `ACTIVE`, `CLONING`, …
    pub fn set_state(&self, state: &'static str) {
        self.state.now().state = state;
    }

    /// Whether the database has connect tokens alone, and no passwords.
    pub fn set_passwordless(&self, passwordless: bool) {
        self.state.now().passwordless = passwordless;
    }

    /// Ends all sessions, as when the tenant is moved.
    pub fn end_sessions(&self) -> usize {
        self.edge.end_sessions(&Refusal::shutdown(), |_| true)
    }
}

impl State {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
