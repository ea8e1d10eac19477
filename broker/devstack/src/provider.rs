//! Databases beside a world's `orders`: at emulated providers, each with a real server behind, and at MariaDB.

mod db9;
mod mysql;
mod neon;
mod planetscale;
mod rds;

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Ca, Db9, MariaDb, Neon, PlanetScale, Postgres, Rds, World, ca};

/// Where else a world may have databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Provider {
    /// PlanetScale, with a database of each kind.
    Planetscale,
    /// Neon.
    Neon,
    /// DB9.
    Db9,
    /// Amazon RDS for Postgres.
    Rds,
    /// None: a MariaDB of one's own.
    Mysql,
}

/// What such a provider adds to a world. It ends when this is dropped.
#[derive(Debug)]
pub struct Provided {
    /// Its databases, as the broker's configuration has them: each with a table `orders`.
    pub databases: Map<String, Value>,
    /// A role for each kind of credential that can be had there: `<database>-user`, `-pair` or `-token`.
    pub roles: Map<String, Value>,
    /// What runs.
    pub running: Running,
}

/// What runs for a provider.
#[derive(Debug)]
pub enum Running {
    /// PlanetScale.
    Planetscale(PlanetScale),
    /// Neon.
    Neon(Neon),
    /// DB9.
    Db9(Db9),
    /// RDS, and the server behind it.
    Rds(Rds, Postgres),
    /// MariaDB.
    Mysql(MariaDb),
}

impl Provider {
    /// Starts it beside a world, prepared as the documentation says. Its secrets become files in this folder, which
    /// the databases name.
    pub async fn start(self, world: &World, folder: &Path) -> anyhow::Result<Provided> {
        let place = Place { ca: world.ca(), ca_path: world.ca_path(), folder };
        match self {
            Self::Planetscale => planetscale::start(&place).await,
            Self::Neon => neon::start(&place).await,
            Self::Db9 => db9::start(&place).await,
            Self::Rds => rds::start(&place).await,
            Self::Mysql => mysql::start(&place).await,
        }
    }
}

impl Provided {
    /// Nothing yet.
    fn new(running: Running) -> Self {
        Self { databases: Map::new(), roles: Map::new(), running }
    }

    fn database(mut self, name: &str, database: Value) -> Self {
        self.databases.insert(name.to_owned(), database);
        self
    }

    fn role(mut self, name: &str, database: &str, ttl: &str, credential: Value) -> Self {
        self.roles.insert(
            name.to_owned(),
            json!({ "database": database, "ttl": ttl, "credential": credential, "drain": "0s" }),
        );
        self
    }

    /// Ends the servers and waits until nothing is left. Dropping does the same without waiting.
    pub async fn end(self) -> anyhow::Result<()> {
        match &self.running {
            Running::Planetscale(planetscale) => {
                let servers = planetscale.servers();
                servers.postgres.end().await?;
                servers.mariadb.end().await
            }
            Running::Neon(neon) => neon.postgres().end().await,
            Running::Db9(db9) => db9.postgres().end().await,
            Running::Rds(_, server) => server.end().await,
            Running::Mysql(server) => server.end().await,
        }
    }
}

/// Where one is started.
struct Place<'a> {
    ca: &'a Ca,
    ca_path: &'a Path,
    folder: &'a Path,
}

impl Place<'_> {
    /// Puts a secret into a file of its own, and refers to it.
    fn secret(&self, name: &str, text: &str) -> anyhow::Result<Value> {
        let path = self.folder.join(name);
        ca::write(&path, text)?;
        Ok(json!({ "file": path }))
    }

    /// The authority to trust, as databases and APIs name it.
    fn trust(&self) -> Value {
        json!({ "file": self.ca_path })
    }
}
