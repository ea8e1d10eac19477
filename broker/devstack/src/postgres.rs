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
use std::sync::Arc;

use anyhow::{Context as _, bail};

pub use self::builder::{Certificate, ClockOffset, Part, PostgresBuilder, Version};
use self::installation::Installation;
use self::psql::Psql;
use crate::blocking;
use crate::edge::Upstream;
use crate::port::Port;
use crate::scratch::{Scratch, Signal};

/// A running server; it ends and its data goes when this is dropped.
#[derive(Debug)]
pub struct Postgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scratch: Scratch,
    port: Port,
    installation: Installation,
    environment: Vec<OsString>,
    psql: Psql,
    ca_pem: String,
    ca_path: PathBuf,
    superuser_password: String,
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

    /// The name to connect to, for which the certificate is good (unless another one was asked for).
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port, the same for the server's whole life.
    pub fn port(&self) -> u16 {
        self.inner.port.number()
    }

    /// The major version.
    pub fn major(&self) -> u32 {
        self.inner.installation.major
    }

    /// The authority that clients are to trust. With [`Certificate::Untrusted`] it is not the one that signed.
    pub fn ca_pem(&self) -> &str {
        &self.inner.ca_pem
    }

    /// A file with [`Postgres::ca_pem`].
    pub fn ca_path(&self) -> &Path {
        &self.inner.ca_path
    }

    /// The password of the superuser `postgres`.
    pub fn superuser_password(&self) -> &str {
        &self.inner.superuser_password
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
        Upstream::socket(self.inner.scratch.path().join(format!(".s.PGSQL.{}", self.port())))
    }

    /// Runs statements as the superuser, through the private socket. Each is a transaction of its own.
    pub async fn execute(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        self.query_text(database, sql).await.map(drop)
    }

    /// Like [`Postgres::execute`], with the rows as text: a line per row, `|` between columns, no trailing newline.
    pub async fn query_text(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let (database, sql) = (database.to_owned(), sql.to_owned());
        self.on_server(move |inner| {
            inner.psql.run(inner.scratch.path(), inner.port.number(), &database, &sql)
        })
        .await
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        self.inner.scratch.log()
    }

    /// Ends the server in order; sessions are ended. It can be started again by [`Postgres::restart`].
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(Signal::Interrupt)).await
    }

    /// Kills all of the server's processes at once, as a power cut would.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(Signal::Kill)).await
    }

    /// Stops all of the server's processes where they are: connections stay open and nothing answers.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Stop)).await
    }

    /// Undoes [`Postgres::pause`].
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Continue)).await
    }

    /// Fills the disk of [`PostgresBuilder::disk`] to the last byte, also while the server is down.
    pub async fn fill_disk(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.fill_disk()).await
    }

    /// Undoes [`Postgres::fill_disk`].
    pub async fn free_disk(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.free_disk()).await
    }

    /// Starts the server again with the same port and data, after ending it in order if it still runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.on_server(|inner| {
            inner.scratch.stop(Signal::Interrupt)?;
            inner.start()
        })
        .await
    }

    /// Ends the server for good and waits until its folder is gone. Dropping does the same without waiting.
    pub async fn end(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.clean_up()).await
    }

    async fn on_server<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).await
    }
}

impl Inner {
    fn start(&self) -> anyhow::Result<()> {
        let folder = self.scratch.path();
        let log_before = self.scratch.log().len();
        let data = folder.join("data");
        let mut command = self.environment.clone();
        command.push(self.installation.programs.join("postgres").into());
        command.extend([OsString::from("-D"), data.clone().into()]);
        command.extend([OsString::from("-k"), folder.into()]);
        command.extend([OsString::from("-p"), self.port.number().to_string().into()]);
        self.scratch
            .start(&command, |process| accepts(&data, process).unwrap_or(false))
            .context("Postgres does not start")?;
        // It is content with one of its addresses; we are not, since clients may try the other one first.
        if self.scratch.log().get(log_before..).is_some_and(|log| log.contains(ADDRESS_IN_USE)) {
            self.scratch.stop(Signal::Quit)?;
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

const ADDRESS_IN_USE: &str = "Address already in use";
