//! PlanetScale: its REST API, and what stands before its databases, with real databases behind.
//!
//! One organization, `acme`, with the Postgres database `shop` and the MySQL database `store`. Each has the branches
//! `main` (production), `dev`, and `young` (not ready yet). Behind all branches of a database is one server.
//!
//! Where PlanetScale's documents do not say how it is, this says which way was taken, or there is a switch
//! ([`Habits`]). Pooling is not emulated: what comes in at the pooler's port gets a session of its own.

mod access;
mod branches;
mod credential;
mod edges;
mod fixtures;
mod list;
mod making;
mod passwords;
mod roles;
mod routes;
mod state;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

pub use self::branches::Branch;
use self::state::State;
pub use self::state::{Habits, Token, Unsaid};
use crate::ca::Ca;
use crate::clock::Clock;
use crate::edge::Edge;
use crate::mysql_edge::MysqlEdge;
use crate::serving::LOOPBACK;
use crate::{Api, MariaDb, Postgres};

/// A running PlanetScale; it ends when this is dropped.
pub struct PlanetScale {
    api: Api,
    world: Arc<World>,
}

/// What the API acts upon.
struct World {
    state: Arc<State>,
    servers: Arc<Servers>,
    direct: Edge,
    pooler: Edge,
    mysql: MysqlEdge,
}

/// The servers behind. Several PlanetScales may share them: none sees the credentials of another.
#[derive(Debug)]
pub struct Servers {
    /// Behind `shop`.
    pub postgres: Postgres,
    /// Behind `store`.
    pub mariadb: MariaDb,
}

impl Servers {
    /// Starts them with what is in the databases.
    pub async fn start(ca: &Ca) -> anyhow::Result<Arc<Self>> {
        let postgres = Postgres::builder().ca(ca).durable(false).behind_edge().start().await?;
        let mariadb = MariaDb::builder().ca(ca).durable(false).start().await?;
        fixtures::postgres(&postgres).await.context("PlanetScale's Postgres")?;
        fixtures::mariadb(&mariadb).await.context("PlanetScale's MySQL")?;
        Ok(Arc::new(Self { postgres, mariadb }))
    }
}

impl PlanetScale {
    /// Starts it before these servers, with certificates of this authority for `localhost`.
    pub async fn start(ca: &Ca, servers: &Arc<Servers>) -> anyhow::Result<Self> {
        let clock = Clock::default();
        let state = Arc::new(State::new(clock.clone()));
        let issued = ca.issue(LOOPBACK)?;
        let world = Arc::new(World {
            direct: edges::direct(&issued, &servers.postgres, &state).await?,
            pooler: edges::pooler(&issued, &servers.postgres, &state).await?,
            mysql: edges::mysql(ca, &servers.mariadb, &state).await?,
            servers: Arc::clone(servers),
            state,
        });
        let api = Api::start(&issued, &clock, routes::routes(Arc::clone(&world))).await?;
        Ok(Self { api, world })
    }

    /// Where the API is, as clients are told it.
    pub fn url(&self) -> String {
        format!("{}/v1", self.api.url())
    }

    /// The servers behind.
    pub fn servers(&self) -> &Servers {
        &self.world.servers
    }

    /// What was asked, faults, and the limit of requests.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The identifier and the secret of a service token with these accesses.
    pub fn service_token(&self, accesses: &[&str]) -> anyhow::Result<Token> {
        self.world.state.service_token(accesses)
    }

    /// Takes an access from a token, or gives it one.
    pub fn set_access(&self, token: &Token, access: &str, given: bool) {
        self.world.state.set_access(token, access, given);
    }

    /// An OAuth access token that may do everything.
    pub fn oauth_token(&self) -> anyhow::Result<String> {
        self.world.state.oauth_token()
    }

    /// The port of the bouncers; the API does not say it.
    pub fn pooler_port(&self) -> u16 {
        self.world.pooler.port()
    }

    /// Changes how it does what its documents leave open.
    pub fn set_habits(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.world.state.lock().habits);
    }

    /// Changes a branch.
    pub fn set_branch(&self, database: &str, branch: &str, change: impl FnOnce(&mut Branch)) {
        let mut state = self.world.state.lock();
        state.branches.iter_mut().find(|it| it.is(database, branch)).map(change).unwrap_or_default();
    }

    /// Makes a role of a branch of a Postgres database, as an operator does with `pscale role create`.
    pub async fn make_role(
        &self,
        (database, branch): (&str, &str),
        name: &str,
        inherited_roles: &[&str],
    ) -> anyhow::Result<()> {
        let at = self.world.state.lock().branches.iter().find(|it| it.is(database, branch)).cloned();
        let at = at.with_context(|| format!("there is no branch {branch} of {database}"))?;
        let wish = serde_json::from_value(json!({ "name": name, "inherited_roles": inherited_roles }))?;
        roles::create_now(&self.world, &at, wish).await.map(drop)
    }

    /// The display names of the credentials that somebody can log in with, but for default roles.
    pub fn live(&self) -> Vec<String> {
        let now = self.world.state.clock.now();
        let state = self.world.state.lock();
        let live =
            state.credentials.iter().filter(|credential| !credential.default && credential.is_live(now));
        let mut names: Vec<_> = live.map(|credential| credential.name.clone()).collect();
        names.sort();
        names
    }

    /// Puts the clock forward; what has expired then loses its sessions.
    pub async fn advance(&self, by: Duration) -> anyhow::Result<()> {
        self.world.state.clock.advance(by);
        self.world.expire().await
    }
}

impl std::fmt::Debug for PlanetScale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanetScale").field("api", &self.api).finish_non_exhaustive()
    }
}
