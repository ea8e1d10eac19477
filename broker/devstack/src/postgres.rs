//! A private Postgres server with TLS and SCRAM.

mod builder;
pub mod install;
mod installation;
mod psql;
mod settings;
mod template;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

pub use self::builder::{ClockOffset, Part, PostgresBuilder, Version};
use self::installation::Installation;
use self::psql::Psql;
use crate::edge::Upstream;
use crate::scratch::Signal;
use crate::server::{ADDRESS_IN_USE, Inner, Kind, Server};

/// A running Postgres; it ends and its data goes when this is dropped.
pub type Postgres = Server<PostgresKind>;

/// What it takes to run a Postgres.
#[derive(Debug)]
pub struct PostgresKind {
    installation: Installation,
    /// Words in front of the server's own command.
    environment: Vec<OsString>,
    psql: Psql,
}

impl Postgres {
    /// What to start; the defaults are the installed version, a certificate for `localhost`, and durable writes.
    pub fn builder() -> PostgresBuilder {
        PostgresBuilder::default()
    }

    /// The major versions on this machine, newest first, each with the folder of its programs.
    pub fn available() -> Vec<(u32, PathBuf)> {
        installation::all().into_iter().map(|found| (found.major, found.programs)).collect()
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.kind().installation.major
    }

    /// The password of the superuser `postgres`.
    pub fn superuser_password(&self) -> &str {
        self.user_password()
    }

    /// A `verify-full` URL of the database `postgres` for the superuser.
    pub fn superuser_url(&self) -> String {
        self.url("postgres", self.superuser_password(), "postgres")
    }

    /// A `verify-full` URL for anyone.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let (host, port, ca) = (self.host(), self.port(), self.ca_path().display());
        format!(
            "postgresql://{user}:{password}@{host}:{port}/{database}?sslmode=verify-full&sslrootcert={ca}"
        )
    }

    /// The way for an edge that has ended TLS; needs [`PostgresBuilder::behind_edge`].
    pub fn plain_upstream(&self) -> Upstream {
        Upstream::plain(self.port())
    }

    /// The way over TLS; channel binding holds if the edge shows the same certificate.
    pub fn tls_upstream(&self) -> anyhow::Result<Upstream> {
        Upstream::verified(self.host(), self.port(), self.ca_pem())
    }

    /// The way on which everyone is who they say, without a password: for an edge that has seen to it itself.
    pub fn trusting_upstream(&self) -> Upstream {
        Upstream::socket(self.folder().join(format!(".s.PGSQL.{}", self.port())))
    }

    /// Runs statements as the superuser, through the private socket. Each is a transaction of its own.
    pub async fn execute(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        self.query_text(database, sql).await.map(drop)
    }

    /// Like [`Postgres::execute`], with the rows as text: a line per row, `|` between columns, no trailing newline.
    pub async fn query_text(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let (database, sql) = (database.to_owned(), sql.to_owned());
        self.on_server(move |server| {
            server.kind.psql.run(server.scratch.path(), server.port.number(), &database, &sql)
        })
        .await
    }

    /// Fills the disk of [`PostgresBuilder::disk`] to the last byte, also while the server is down.
    pub async fn fill_disk(&self) -> anyhow::Result<()> {
        self.on_server(|server| server.scratch.fill_disk()).await
    }

    /// Undoes [`Postgres::fill_disk`].
    pub async fn free_disk(&self) -> anyhow::Result<()> {
        self.on_server(|server| server.scratch.free_disk()).await
    }
}

impl Kind for PostgresKind {
    const NAME: &'static str = "Postgres";
    const END: Signal = Signal::Interrupt;

    fn start(server: &Inner<Self>) -> anyhow::Result<()> {
        let folder = server.scratch.path();
        let log_before = server.scratch.log().len();
        let data = folder.join("data");
        let mut command = server.kind.environment.clone();
        command.push(server.kind.installation.programs.join("postgres").into());
        command.extend([OsString::from("-D"), data.clone().into()]);
        command.extend([OsString::from("-k"), folder.into()]);
        command.extend([OsString::from("-p"), server.port.number().to_string().into()]);
        server
            .scratch
            .start(&command, |process| accepts(&data, process).unwrap_or(false))
            .context("Postgres does not start")?;
        // It is content with one of its addresses; we are not, since clients may try the other one first.
        if server.scratch.log().get(log_before..).is_some_and(|log| log.contains(ADDRESS_IN_USE)) {
            server.scratch.stop(Signal::Quit)?;
            bail!("Postgres does not get all of its addresses: {ADDRESS_IN_USE}");
        }
        Ok(())
    }
}

/// Whether the postmaster with this number says in its lock file that it takes connections.
fn accepts(data: &Path, process: u32) -> Option<bool> {
    let lock = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let mut lines = lock.lines();
    let same = lines.next()?.parse() == Ok(process);
    Some(same && lines.nth(6)?.trim() == "ready")
}
