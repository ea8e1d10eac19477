//! A private MariaDB server that takes no connection without TLS.

mod builder;
mod client;
mod installation;
mod settings;

use std::ffi::OsString;

use anyhow::Context as _;

pub use self::builder::MariaDbBuilder;
use self::client::Client;
use self::installation::Installation;
use crate::scratch::Signal;
use crate::server::{Inner, Kind, Server};

/// A running MariaDB; it ends and its data goes when this is dropped.
pub type MariaDb = Server<MariaDbKind>;

/// What it takes to run a MariaDB.
#[derive(Debug)]
pub struct MariaDbKind {
    installation: Installation,
    settings: Vec<String>,
    client: Client,
}

impl MariaDb {
    /// What to start; the defaults are a certificate for `localhost` and durable writes.
    pub fn builder() -> MariaDbBuilder {
        MariaDbBuilder::default()
    }

    /// What the server calls its version, for example `10.11.19-MariaDB`.
    pub fn version(&self) -> &str {
        &self.kind().installation.version
    }

    /// The password of the superuser `root`, who comes in over TLS from anywhere.
    pub fn superuser_password(&self) -> &str {
        self.user_password()
    }

    /// A `VERIFY_IDENTITY` URL of the database `mysql` for the superuser.
    pub fn superuser_url(&self) -> String {
        self.url("root", self.superuser_password(), "mysql")
    }

    /// A `VERIFY_IDENTITY` URL for anyone, as sqlx reads it. Clients in C take `localhost` for a socket's name: they
    /// also need to be told `--protocol=tcp`.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let (host, port, ca) = (self.host(), self.port(), self.ca_path().display());
        format!("mysql://{user}:{password}@{host}:{port}/{database}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}")
    }

    /// Runs statements as the superuser, through the private socket, until the first that fails. The database may be
    /// empty for none.
    pub async fn execute(&self, database: &str, sql: &str) -> anyhow::Result<()> {
        self.query_text(database, sql).await.map(drop)
    }

    /// Like [`MariaDb::execute`], with the rows as text: a line per row, `|` between columns, no trailing newline.
    /// What is null is `NULL`; line ends and backslashes in values come escaped.
    pub async fn query_text(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let (database, sql) = (database.to_owned(), sql.to_owned());
        self.on_server(move |server| server.kind.client.run(server.scratch.path(), &database, &sql)).await
    }
}

impl Kind for MariaDbKind {
    const NAME: &'static str = "MariaDB";
    const END: Signal = Signal::Terminate;

    fn start(server: &Inner<Self>) -> anyhow::Result<()> {
        let log_before = server.scratch.log().len();
        let mut command = vec![OsString::from(&server.kind.installation.server)];
        command.extend(settings::place(server.scratch.path(), server.port.number()));
        command.extend(server.kind.settings.iter().map(OsString::from));
        let is_ready = |log: &str| log.get(log_before..).is_some_and(|log| log.contains(READY));
        server.scratch.start(&command, |_| is_ready(&server.scratch.log())).context("MariaDB does not start")
    }
}

/// What it logs when it takes connections on all of its addresses; it ends if it does not get one of them.
const READY: &str = "ready for connections";
