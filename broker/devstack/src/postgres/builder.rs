//! What kind of Postgres to start.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::installation::Installation;
use super::psql::Psql;
use super::{Postgres, PostgresKind, settings, template};
use crate::account::Account;
use crate::ca::{self, Ca, Issued};
use crate::certificate::Certificate;
use crate::port::Port;
use crate::scratch::{Scratch, Signal};
use crate::server::{Inner, Server};
use crate::{blocking, entropy};

/// Which Postgres to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// The one that this machine's packages installed.
    #[default]
    Installed,
    /// Any of this major version.
    Major(u32),
}

/// How far the server's clock is from ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockOffset {
    /// The server is in our future.
    Ahead(Duration),
    /// The server is in our past.
    Behind(Duration),
}

/// What of a server can be put on a disk of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The tables and indexes: full means that a statement fails.
    Tables,
    /// The write-ahead log: full means that the server goes down.
    Log,
}

/// What to start.
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresBuilder {
    version: Version,
    ca: Option<Ca>,
    certificate: Certificate,
    issued: Option<Issued>,
    behind_edge: bool,
    clock_offset: Option<ClockOffset>,
    durable: bool,
    disk: Option<(Part, u64)>,
    settings: Vec<(String, String)>,
}

impl Default for PostgresBuilder {
    fn default() -> Self {
        Self {
            version: Version::default(),
            ca: None,
            certificate: Certificate::default(),
            issued: None,
            behind_edge: false,
            clock_offset: None,
            durable: true,
            disk: None,
            settings: Vec::new(),
        }
    }
}

impl PostgresBuilder {
    /// Which version to run.
    pub fn version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The authority that signs its certificate; by default one of its own.
    pub fn ca(self, ca: &Ca) -> Self {
        Self { ca: Some(ca.clone()), ..self }
    }

    /// What it shows to clients that ask for TLS.
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate, ..self }
    }

    /// Shows this certificate instead of one of its own: one that an [`Edge`](crate::Edge) in front of it shows, too,
    /// so that channel binding holds through both; issued by [`PostgresBuilder::ca`] for `localhost` and more.
    pub fn issued(self, issued: &Issued) -> Self {
        Self { issued: Some(issued.clone()), ..self }
    }

    /// Also takes passwords over plain TCP: for an [`Edge`](crate::Edge) that has ended TLS and leads here by
    /// [`Postgres::plain_upstream`].
    pub fn behind_edge(self) -> Self {
        Self { behind_edge: true, ..self }
    }

    /// Lets its clock go wrong; needs the library `libfaketime`.
    pub fn clock_offset(self, offset: ClockOffset) -> Self {
        Self { clock_offset: Some(offset), ..self }
    }

    /// Whether a commit survives a power cut. Tests that do not care are faster without.
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// Puts a part of it on a disk of its own of so many bytes, so that it can be filled. Starting fails where the
    /// machine does not let us have one.
    pub fn disk(self, part: Part, bytes: u64) -> Self {
        Self { disk: Some((part, bytes)), ..self }
    }

    /// A line of `postgresql.conf` that wins over ours.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and returns when it takes connections.
    pub async fn start(self) -> anyhow::Result<Postgres> {
        blocking(move || self.start_now()).await
    }

    fn start_now(self) -> anyhow::Result<Postgres> {
        let installation = Installation::find(self.version)?;
        let mut environment = self.clock_offset.map(settings::clock).transpose()?.unwrap_or_default();
        let account = Account::of_servers()?;
        let disk = self.disk.map(|(_, bytes)| bytes);
        let scratch = Scratch::with_disk("postgres", account, Signal::Quit, disk)?;
        if let Some((part, _)) = self.disk {
            environment.splice(0..0, settings::on_disk(part, scratch.path()));
        }
        let ca = self.ca.clone().map_or_else(Ca::generate, Ok)?;
        template::copy(&installation, scratch.account(), &scratch.path().join("data"))?;
        self.configure(&ca, &scratch)?;
        let ca_path = ca.write_to(scratch.path())?;
        let (folder, password) = (scratch.path().to_owned(), entropy::password()?);
        let sql = format!("ALTER ROLE postgres PASSWORD '{password}'");
        let server = Server::begin(Inner {
            ca_pem: ca.pem().to_owned(),
            ca_path,
            port: Port::claim()?,
            password,
            scratch,
            kind: PostgresKind { psql: Psql::find(&installation)?, installation, environment },
        })?;
        server.kind().psql.run(&folder, server.port(), "postgres", &sql)?;
        Ok(server)
    }

    fn configure(&self, ca: &Ca, scratch: &Scratch) -> anyhow::Result<()> {
        let tls = match &self.issued {
            Some(issued) => Some(Certificate::place(issued, scratch)?),
            None => self.certificate.issue(ca, scratch)?,
        };
        let data = scratch.path().join("data");
        append(&data.join("postgresql.conf"), &settings::server(tls.as_ref(), self.durable, &self.settings))?;
        let access = settings::access(tls.is_some(), self.behind_edge);
        replace(&data.join("pg_hba.conf"), &access, scratch.account())
    }
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = fs::OpenOptions::new().append(true).open(path)?;
    Ok(std::io::Write::write_all(&mut file, text.as_bytes())?)
}

fn replace(path: &Path, text: &str, account: Account) -> anyhow::Result<()> {
    ca::write(path, text)?;
    account.adopt(path)
}

/// Words in front of the server's own command.
pub(super) type Prefix = Vec<OsString>;
