//! What kind of MariaDB to start.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::client::Client;
use super::installation::Installation;
use super::{MariaDb, MariaDbKind, settings};
use crate::account::Account;
use crate::ca::Ca;
use crate::certificate::Certificate;
use crate::port::Port;
use crate::scratch::{Scratch, Signal};
use crate::server::{Inner, Server};
use crate::template::{self, Template};
use crate::{blocking, entropy};

/// What to start.
#[derive(Clone, Debug)]
#[must_use]
pub struct MariaDbBuilder {
    ca: Option<Ca>,
    certificate: Certificate,
    durable: bool,
    settings: Vec<(String, String)>,
}

impl Default for MariaDbBuilder {
    fn default() -> Self {
        Self { ca: None, certificate: Certificate::default(), durable: true, settings: Vec::new() }
    }
}

impl MariaDbBuilder {
    /// The authority that signs its certificate; by default one of its own.
    pub fn ca(self, ca: &Ca) -> Self {
        Self { ca: Some(ca.clone()), ..self }
    }

    /// What it shows to clients that ask for TLS. With [`Certificate::None`] it takes connections without.
    pub fn certificate(self, certificate: Certificate) -> Self {
        Self { certificate, ..self }
    }

    /// Whether a commit survives a power cut. Tests that do not care are faster without.
    pub fn durable(self, durable: bool) -> Self {
        Self { durable, ..self }
    }

    /// A server variable that wins over ours, for example `log-bin` and `binlog`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it, and returns when it takes connections.
    pub async fn start(self) -> anyhow::Result<MariaDb> {
        blocking(move || self.start_now()).await
    }

    fn start_now(self) -> anyhow::Result<MariaDb> {
        let installation = Installation::find()?;
        let scratch = Scratch::create("mariadb", Account::of_servers()?, Signal::Kill)?;
        let (folder, account) = (scratch.path().to_owned(), scratch.account());
        let ca = self.ca.clone().map_or_else(Ca::generate, Ok)?;
        copy_template(&installation, account, &folder.join("data"))?;
        fs::create_dir(folder.join("temporary"))?;
        account.adopt(&folder.join("temporary"))?;
        let tls = self.certificate.issue(&ca, &scratch)?;
        let password = entropy::password()?;
        let superuser = superuser(&password);
        let server = Server::begin(Inner {
            ca_pem: ca.pem().to_owned(),
            ca_path: ca.write_to(&folder)?,
            port: Port::claim()?,
            password,
            scratch,
            kind: MariaDbKind {
                client: Client { program: installation.client.clone() },
                installation,
                settings: settings::server(tls.as_ref(), self.durable, &self.settings),
            },
        })?;
        server.kind().client.run(&folder, "", &superuser)?;
        Ok(server)
    }
}

/// Makes `target` a data folder of the account, with superusers `root` who have no password.
fn copy_template(installation: &Installation, account: Account, target: &Path) -> anyhow::Result<()> {
    let template = Template {
        server: "mariadb",
        described: &format!("{}\n{}\n{INSTALL:?}", installation.server.display(), installation.version),
        needed: &["ibdata1", "aria_log_control", "mysql/global_priv.MAD"],
    };
    template.copy(account, target, |draft| {
        let mut install = account.command(&installation.install);
        let folder = format!("--datadir={}", draft.display());
        template::run(install.args(INSTALL).arg(folder)).context("mariadb-install-db failed")
    })
}

/// Statements after which `root` needs the password, except on the socket, whose folder is closed to others.
fn superuser(password: &str) -> String {
    format!(
        "DROP USER 'root'@'127.0.0.1', 'root'@'::1';
         CREATE USER 'root'@'%' IDENTIFIED BY '{password}';
         GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    )
}

const INSTALL: &[&str] = &[
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-name-resolve",
    "--innodb-log-file-size=8M",
];
