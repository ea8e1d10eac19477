//! Everything that dsn-broker needs, at once.

mod summary;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

pub use self::summary::Summary;
use crate::account::Account;
use crate::ca::{Ca, IssuedFiles};
use crate::oidc::Oidc;
use crate::postgres::{Part, Postgres, Version};
use crate::redis::Redis;
use crate::scratch::{Scratch, Signal};
use crate::{blocking, entropy};

/// A ledger, a target database `orders`, a Redis and an OIDC issuer, all of one authority; they end when this is dropped.
#[derive(Debug)]
pub struct World {
    ca: Ca,
    scratch: Arc<Scratch>,
    ca_path: PathBuf,
    broker: IssuedFiles,
    ledger: Arc<Postgres>,
    orders: Arc<Postgres>,
    redis: Redis,
    oidc: Oidc,
    passwords: Passwords,
}

/// What world to start.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct WorldBuilder {
    durable: bool,
    shared_server: bool,
    orders_version: Version,
    ledger_disk: Option<(Part, u64)>,
}

#[derive(Clone, Debug)]
struct Passwords {
    ledger_owner: String,
    ledger_writer: String,
    orders_admin: String,
}

impl World {
    /// The defaults suit tests: not durable, the ledger and the target on servers of their own, installed version.
    pub fn builder() -> WorldBuilder {
        WorldBuilder::default()
    }

    /// Starts the default world.
    pub async fn start() -> anyhow::Result<Self> {
        Self::builder().start().await
    }

    /// The authority of all certificates here; also for the broker's own.
    pub fn ca(&self) -> &Ca {
        &self.ca
    }

    /// A file with the authority's certificate.
    pub fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    /// A folder that goes with the world, for the files of who uses it.
    pub fn folder(&self) -> &Path {
        self.scratch.path()
    }

    /// The server of the ledger.
    pub fn ledger(&self) -> &Postgres {
        &self.ledger
    }

    /// The server of the target database.
    pub fn orders(&self) -> &Postgres {
        &self.orders
    }

    /// The cache.
    pub fn redis(&self) -> &Redis {
        &self.redis
    }

    /// The issuer.
    pub fn oidc(&self) -> &Oidc {
        &self.oidc
    }

    /// The database `ledger` for its owner, who runs the migrations.
    pub fn ledger_owner_url(&self) -> String {
        self.ledger.url("ledger_owner", &self.passwords.ledger_owner, "ledger")
    }

    /// The database `ledger` for the running broker, who can connect and nothing else until the owner grants it.
    pub fn ledger_writer_url(&self) -> String {
        self.ledger.url("ledger_writer", &self.passwords.ledger_writer, "ledger")
    }

    /// The database `orders` for `broker_admin`, who may make users.
    pub fn orders_admin_url(&self) -> String {
        self.orders.url("broker_admin", &self.passwords.orders_admin, "orders")
    }

    /// The password of `broker_admin`.
    pub fn orders_admin_password(&self) -> &str {
        &self.passwords.orders_admin
    }

    /// Ends all of it and waits until nothing is left. Dropping does the same without waiting.
    pub async fn end(self) -> anyhow::Result<()> {
        let scratch = Arc::clone(&self.scratch);
        let folder = blocking(move || scratch.clean_up());
        tokio::try_join!(self.ledger.end(), self.orders.end(), self.redis.end(), folder)?;
        Ok(())
    }
}

impl WorldBuilder {
    /// Whether commits survive a power cut.
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// The ledger and the target on one server: sooner there and smaller.
    pub fn shared_server(self) -> Self {
        Self { shared_server: true, ..self }
    }

    /// The version of the target's server (and with [`WorldBuilder::shared_server`] of the ledger's).
    pub fn orders_version(self, version: Version) -> Self {
        Self { orders_version: version, ..self }
    }

    /// Puts a part of the ledger's server on a disk of its own of so many bytes, so that it can be filled. Not with
    /// [`WorldBuilder::shared_server`].
    pub fn ledger_disk(self, part: Part, bytes: u64) -> Self {
        Self { ledger_disk: Some((part, bytes)), ..self }
    }

    /// Starts it, and returns when all of it is there.
    pub async fn start(self) -> anyhow::Result<World> {
        let (ca, scratch, ca_path, broker) = blocking(|| {
            let ca = Ca::generate()?;
            let scratch = Scratch::create("world", Account::Own, Signal::Kill)?;
            let ca_path = ca.write_to(scratch.path())?;
            let broker = ca.issue_to(scratch.path(), &["localhost", "127.0.0.1"])?;
            Ok((ca, scratch, ca_path, broker))
        })
        .await?;
        let passwords = Passwords {
            ledger_owner: entropy::password()?,
            ledger_writer: entropy::password()?,
            orders_admin: entropy::password()?,
        };
        let (databases, redis, oidc) =
            tokio::join!(self.databases(&ca, &passwords), Redis::start(&ca), Oidc::start(&ca));
        let (ledger, orders) = databases?;
        Ok(World {
            ca,
            scratch: Arc::new(scratch),
            ca_path,
            broker,
            ledger,
            orders,
            redis: redis?,
            oidc: oidc?,
            passwords,
        })
    }

    async fn databases(
        self,
        ca: &Ca,
        passwords: &Passwords,
    ) -> anyhow::Result<(Arc<Postgres>, Arc<Postgres>)> {
        let server = |version| Postgres::builder().ca(ca).durable(self.durable).version(version);
        if self.shared_server {
            let server = Arc::new(server(self.orders_version).start().await?);
            tokio::try_join!(prepare_ledger(&server, passwords), prepare_orders(&server, passwords))?;
            return Ok((Arc::clone(&server), server));
        }
        tokio::try_join!(
            async {
                let server = server(Version::Installed);
                let disk = self.ledger_disk;
                let server = disk.into_iter().fold(server, |server, (part, bytes)| server.disk(part, bytes));
                let server = server.start().await?;
                prepare_ledger(&server, passwords).await?;
                Ok(Arc::new(server))
            },
            async {
                let server = server(self.orders_version).start().await?;
                prepare_orders(&server, passwords).await?;
                Ok(Arc::new(server))
            }
        )
    }
}

async fn prepare_ledger(server: &Postgres, passwords: &Passwords) -> anyhow::Result<()> {
    let sql = LEDGER
        .replace("{owner_password}", &passwords.ledger_owner)
        .replace("{writer_password}", &passwords.ledger_writer);
    server.execute("postgres", &sql).await.context("the ledger's database")
}

async fn prepare_orders(server: &Postgres, passwords: &Passwords) -> anyhow::Result<()> {
    let sql = ORDERS.replace("{admin_password}", &passwords.orders_admin);
    server.execute("postgres", &sql).await.context("the target database")
}

const LEDGER: &str = include_str!("world/ledger.sql");
const ORDERS: &str = include_str!("world/orders.sql");
