//! A session by hand.

use std::process::ExitCode;

use clap::Args;
use dsn_broker_sdk::Broker;
use tokio::process::Command;

use crate::{Wanted, ca, exec};

/// Open a session.
#[derive(Args)]
pub(crate) struct Session {
    /// The role.
    role: String,
    /// The way into the database. Default: the role's first.
    #[arg(long)]
    endpoint: Option<String>,
    /// What the client is to be told besides.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Session {
    /// With psql, which reads a file that only its owner can: no secret is among its arguments.
    pub(crate) async fn psql(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        let folder = ca::folder()?;
        let request = ca::request(broker, &self.wanted("pg-service"), &self.role, folder.path()).await?;
        let file = folder.path().join("pg_service.conf");
        ca::replace(&file, request.get().await?.text())?;
        let mut client = Command::new("psql");
        client.env("PGSERVICEFILE", &file).arg("service=dsn").args(&self.arguments);
        exec::wait(client).await
    }

    /// With the client of MariaDB, which reads a file that only its owner can.
    pub(crate) async fn mysql(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        let folder = ca::folder()?;
        let request = ca::request(broker, &self.wanted("my-cnf"), &self.role, folder.path()).await?;
        let file = folder.path().join("my.cnf");
        ca::replace(&file, request.get().await?.text())?;
        let mut client = Command::new("mariadb");
        // No other file may weaken what this one says.
        client.arg(format!("--defaults-file={}", file.display())).args(&self.arguments);
        exec::wait(client).await
    }

    fn wanted(&self, format: &str) -> Wanted {
        Wanted { format: format.to_owned(), endpoint: self.endpoint.clone(), os: None }
    }
}
