//! Neon on loopback: its API, and a proxy with a real server behind it.
//!
//! One project with the branches `main` and `dev`. Computes are told apart by the name that the client gives in the
//! TLS handshake; all lead to the same server, the read replica into transactions that cannot write, and `dev` to a
//! database of its own.

mod login;
mod operations;
mod passwords;
mod routes;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

use self::operations::Operations;
use crate::ca::Ca;
use crate::clock::Clock;
use crate::edge::{Edge, Refusal};
use crate::postgres::Postgres;
use crate::{Api, entropy};

/// A project at Neon; it ends when this is dropped.
#[derive(Debug)]
pub struct Neon {
    api: Api,
    edge: Edge,
    state: Arc<State>,
}

/// A way into the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To the primary compute of `main`.
    Primary,
    /// The same through the pooler.
    Pooled,
    /// To the read replica of `main`.
    Replica,
    /// To the primary compute of `dev`.
    Dev,
}

#[derive(Debug)]
struct State {
    postgres: Postgres,
    clock: Clock,
    key: String,
    now: Mutex<Now>,
}

/// What changes.
#[derive(Debug)]
struct Now {
    owner_password: String,
    stores_passwords: bool,
    computes: Vec<Compute>,
    branches: Vec<Branch>,
    operations: Operations,
    /// How many connections a compute that does not wake refuses.
    refusals: usize,
}

#[derive(Clone, Debug)]
struct Branch {
    id: String,
    name: String,
}

#[derive(Clone, Debug)]
struct Compute {
    id: String,
    branch: String,
    kind: &'static str,
    suspended: bool,
}

impl Neon {
    /// Starts one whose certificates this authority signs.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let issued = ca.issue(&[&format!("*.{DOMAIN}"), "localhost", "127.0.0.1", "::1"])?;
        let postgres = Postgres::builder()
            .ca(ca)
            .issued(&issued)
            .durable(false)
            .setting("shared_preload_libraries", "pg_stat_statements")
            .setting("log_statement", "ddl")
            .start()
            .await?;
        let owner_password = format!("npg_{}", entropy::password()?);
        postgres.execute("postgres", &ROLES.replace("{password}", &owner_password)).await?;
        for database in ["neondb", "neondb_dev"] {
            postgres.execute(database, "CREATE EXTENSION pg_stat_statements").await?;
        }
        let compute = |id: &str, branch: &str, kind| Compute {
            id: id.to_owned(),
            branch: branch.to_owned(),
            kind,
            suspended: false,
        };
        let branch = |id: &str, name: &str| Branch { id: id.to_owned(), name: name.to_owned() };
        let clock = Clock::default();
        let state = Arc::new(State {
            postgres,
            clock: clock.clone(),
            key: format!("napi_{}", entropy::password()?),
            now: Mutex::new(Now {
                owner_password,
                stores_passwords: true,
                computes: vec![
                    compute(PRIMARY, MAIN, "read_write"),
                    compute(REPLICA, MAIN, "read_only"),
                    compute(DEV_PRIMARY, DEV, "read_write"),
                ],
                branches: vec![branch(MAIN, "main"), branch(DEV, "dev")],
                operations: Operations::default(),
                refusals: 0,
            }),
        });
        let edge = login::edge(&issued, &state)?.start().await?;
        let api = Api::start(&issued, &clock, routes::routes(&state)).await.context("Neon's API")?;
        Ok(Self { api, edge, state })
    }

    /// The API: what was asked, and what is to go wrong.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Where the API is.
    pub fn api_url(&self) -> String {
        format!("{}/api/v2", self.api.url())
    }

    /// Where clients of the database connect, whatever the host.
    pub fn edge(&self) -> &Edge {
        &self.edge
    }

    /// The server behind it.
    pub fn postgres(&self) -> &Postgres {
        &self.state.postgres
    }

    /// An API key.
    pub fn key(&self) -> &str {
        &self.state.key
    }

    /// The password of `neondb_owner`.
    pub fn owner_password(&self) -> String {
        self.state.now().owner_password.clone()
    }

    /// The host name of a way in. It resolves nowhere by itself.
    pub fn host(way: Way) -> String {
        let label = match way {
            Way::Primary => PRIMARY.to_owned(),
            Way::Pooled => format!("{PRIMARY}-pooler"),
            Way::Replica => REPLICA.to_owned(),
            Way::Dev => DEV_PRIMARY.to_owned(),
        };
        format!("{label}.{DOMAIN}")
    }

    /// All host names, as lines of a hosts file.
    pub fn hosts() -> String {
        [Way::Primary, Way::Pooled, Way::Replica, Way::Dev]
            .map(|way| format!("127.0.0.1 {}\n", Self::host(way)))
            .concat()
    }

    /// Whether the API tells passwords that it made.
    pub fn set_stores_passwords(&self, stores: bool) {
        self.state.now().stores_passwords = stores;
    }

    /// Puts all computes to sleep: sessions end, and who connects next waits until one is awake.
    pub fn suspend(&self) -> usize {
        self.state.now().computes.iter_mut().for_each(|compute| compute.suspended = true);
        self.edge.end_sessions(&Refusal::shutdown(), |_| true)
    }

    /// Lets computes refuse so many connections, as if they could not wake.
    pub fn refuse_connections(&self, count: usize) {
        self.state.now().refusals = count;
    }

    /// Adds another branch of this name.
    pub fn add_branch(&self, id: &str, name: &str) {
        self.state.now().branches.push(Branch { id: id.to_owned(), name: name.to_owned() });
    }

    /// Adds a read replica to `main`.
    pub fn add_replica(&self, id: &str) {
        let (id, branch) = (id.to_owned(), MAIN.to_owned());
        self.state.now().computes.push(Compute { id, branch, kind: "read_only", suspended: false });
    }

    /// Sets another password for `neondb_owner`, as a reset in the console does.
    pub async fn reset_password(&self) -> anyhow::Result<()> {
        self.state.reset_password().await.map(drop)
    }

    /// Begins an operation that takes so long: until it is over, the API begins no other.
    pub fn begin_operation(&self, time: Duration) {
        let now = self.state.clock.now();
        self.state.now().operations.begin("check_availability", now, time);
    }
}

impl State {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reset_password(&self) -> anyhow::Result<String> {
        let password = format!("npg_{}", entropy::password()?);
        let set = format!("ALTER ROLE neondb_owner PASSWORD '{password}'");
        self.postgres.execute("postgres", &set).await?;
        self.now().owner_password.clone_from(&password);
        Ok(password)
    }
}

const PROJECT: &str = "still-lake-12345678";
const MAIN: &str = "br-bold-sun-a1b2c3d4";
const DEV: &str = "br-calm-sea-e5f6a7b8";
const PRIMARY: &str = "ep-cool-darkness-a1b2c3d4";
const REPLICA: &str = "ep-quiet-river-b2c3d4e5";
const DEV_PRIMARY: &str = "ep-young-forest-c3d4e5f6";
const DOMAIN: &str = "c-2.us-east-1.aws.neon.tech";

/// As the compute's agent makes them.
const ROLES: &str = "
    CREATE ROLE neon_superuser NOLOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION;
    GRANT pg_read_all_data, pg_write_all_data, pg_monitor, pg_signal_backend TO neon_superuser;
    CREATE ROLE neondb_owner INHERIT CREATEROLE CREATEDB BYPASSRLS REPLICATION IN ROLE neon_superuser
      LOGIN PASSWORD '{password}';
    CREATE DATABASE neondb OWNER neondb_owner; CREATE DATABASE neondb_dev OWNER neondb_owner;";
