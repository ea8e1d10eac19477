//! A session by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dsn_broker_sdk::{Broker, Request};
use tempfile::TempDir;
use tokio::process::Command;

use crate::Wanted;
use crate::ca::WithCa;
use crate::exec::{self, EXIT_CODES, Signals};
use crate::file::{self, Readers};

/// Open a session.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Session {
    /// The role.
    role: String,
    /// The way into the database. Default: the role's first.
    #[arg(long)]
    endpoint: Option<String>,
    /// The operating system, for a database that trusts the roots of the system: debian, alpine, rhel, …
    #[arg(long)]
    os: Option<String>,
    /// What the client is to be told besides.
    #[arg(last = true)]
    arguments: Vec<String>,
}

impl Session {
    /// With psql, which reads a file that only its owner can: no secret is among its arguments.
    pub(crate) async fn psql(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::new()?;
        let folder = file::folder()?;
        let file = signals.unless(self.file(broker, "pg-service", &folder)).await?;
        let mut client = Command::new("psql");
        // What the file does not say is not for the environment to say, but for how things look.
        exec::forget(&mut client, |name| name.starts_with("PG") && !LOOKS.contains(&name));
        client.env("PGSERVICEFILE", &file).arg("service=dsn").args(&self.arguments);
        exec::wait(client, signals).await
    }

    /// With the client of MariaDB, which reads a file that only its owner can.
    pub(crate) async fn mysql(&self, broker: &Broker) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::new()?;
        let folder = file::folder()?;
        let file = signals.unless(self.file(broker, "my-cnf", &folder)).await?;
        let mut client = Command::new("mariadb");
        // No other file may weaken what this one says.
        client.arg(format!("--defaults-file={}", file.display())).args(&self.arguments);
        exec::wait(client, signals).await
    }

    /// The file that the client reads.
    async fn file(&self, broker: &Broker, format: &str, folder: &TempDir) -> anyhow::Result<PathBuf> {
        let wanted =
            Wanted { format: format.to_owned(), endpoint: self.endpoint.clone(), os: self.os.clone() };
        let request = wanted.request(broker, &self.role);
        let mut request = WithCa::new(request, folder.path().join("ca.pem"));
        let dsn = request.ask(async |request: Request| request.get().await).await?;
        request.write(&dsn)?;
        let file = folder.path().join(format);
        file::replace(&file, dsn.text(), Readers::Owner)?;
        Ok(file)
    }
}

/// What of libpq's environment changes nothing of who is spoken to, and how.
const LOOKS: [&str; 5] = ["PGCLIENTENCODING", "PGCONNECT_TIMEOUT", "PGDATESTYLE", "PGLOCALEDIR", "PGTZ"];
