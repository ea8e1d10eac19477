//! A private PgBouncer in front of one database of a Postgres: TLS on both sides, SCRAM, and a server connection for each
//! transaction.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::account::Account;
use crate::ca::{self, Ca};
use crate::certificate::Certificate;
use crate::port::{self, Port};
use crate::scratch::{Scratch, Signal};
use crate::server::{ADDRESS_IN_USE, Inner, Kind, Server};
use crate::{Postgres, blocking, client, entropy};

/// A running PgBouncer; it ends when this is dropped, and leaves its user in Postgres.
///
/// Each user has two server connections there, which transactions take in turn: what a driver leaves behind on one is
/// not there at the next. It knows nothing of prepared statements, whatever its version.
pub type PgBouncer = Server<PgBouncerKind>;

/// What it takes to run a PgBouncer.
#[derive(Debug)]
pub struct PgBouncerKind {
    program: PathBuf,
    version: String,
    database: String,
    upstream_port: u16,
    upstream_ca: String,
    /// The user that looks up what others log in with.
    user: String,
}

impl PgBouncer {
    /// Starts one with a certificate of this authority, and returns when it takes connections. Everyone who may log in
    /// to the database may do so through it, with the same password.
    pub async fn start(ca: &Ca, server: &Postgres, database: &str) -> anyhow::Result<Self> {
        let (user, password) = (format!("pgbouncer_{:08x}", entropy::number()?), entropy::password()?);
        let sql = PREPARE
            .replace("{user}", &user)
            .replace("{password}", &password)
            .replace("{database}", &database.replace('"', "\"\""));
        server.execute(database, &sql).await?;
        let (ca, upstream_port) = (ca.clone(), server.port());
        let (database, upstream_ca) = (database.to_owned(), server.ca_pem().to_owned());
        blocking(move || {
            let program = find()?;
            let version = version(&program)?;
            let scratch = Scratch::create("pgbouncer", Account::of_servers()?, Signal::Kill)?;
            Certificate::Good.issue(&ca, &scratch)?;
            let ca_path = ca.write_to(scratch.path())?;
            Self::begin(Inner {
                scratch,
                port: Port::claim()?,
                ca_pem: ca.pem().to_owned(),
                ca_path,
                password,
                kind: PgBouncerKind { program, version, database, upstream_port, upstream_ca, user },
            })
        })
        .await
    }

    /// Its version, for example `1.18.0`.
    pub fn version(&self) -> &str {
        &self.kind().version
    }

    /// Opens both server connections of a user, so that the next transactions take turns.
    pub async fn fill(&self, user: &str, password: &str) -> anyhow::Result<()> {
        let (user, password, port) = (user.to_owned(), password.to_owned(), self.port().to_string());
        self.on_server(move |server| {
            let mut psql = Command::new("psql");
            psql.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
            psql.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
            psql.envs([("PGHOST", "localhost"), ("PGPORT", &port), ("PGDATABASE", &server.kind.database)]);
            psql.envs([("PGUSER", &user), ("PGPASSWORD", &password)]);
            psql.env("PGSSLMODE", "verify-full").env("PGSSLROOTCERT", &server.ca_path);
            client::run(&mut psql, TWO_AT_ONCE).map(drop)
        })
        .await
    }
}

impl Kind for PgBouncerKind {
    const NAME: &'static str = "PgBouncer";
    // It keeps nothing, and which of the others ends it at once depends on its version.
    const END: Signal = Signal::Kill;

    fn start(server: &Inner<Self>) -> anyhow::Result<()> {
        server.configure()?;
        let log_before = server.scratch.log().len();
        let said = |word: &str| server.scratch.log().get(log_before..).is_some_and(|log| log.contains(word));
        let config = server.scratch.path().join("pgbouncer.ini");
        server
            .scratch
            .start(&[server.kind.program.as_os_str(), config.as_os_str()], |_| said(READY))
            .context("PgBouncer does not start")?;
        // It is content with one of its addresses; we are not, since clients may try the other one first.
        if said(ADDRESS_IN_USE) {
            server.scratch.stop(Self::END)?;
            bail!("PgBouncer does not get all of its addresses: {ADDRESS_IN_USE}");
        }
        Ok(())
    }
}

impl Inner<PgBouncerKind> {
    fn configure(&self) -> anyhow::Result<()> {
        let PgBouncerKind { database, upstream_port, upstream_ca, user, version, .. } = &self.kind;
        let (folder, port) = (self.scratch.path().display(), self.port.number());
        let addresses = if port::has_ipv6() { "127.0.0.1,::1" } else { "127.0.0.1" };
        let mut text = format!(
            "[databases]\n{database} = host=localhost port={upstream_port} auth_user={user}\n\
             [pgbouncer]\nlisten_addr = {addresses}\nlisten_port = {port}\nunix_socket_dir =\n\
             client_tls_sslmode = require\nclient_tls_cert_file = {folder}/server.crt\n\
             client_tls_key_file = {folder}/server.key\n\
             server_tls_sslmode = verify-full\nserver_tls_ca_file = {folder}/upstream.pem\n\
             auth_type = scram-sha-256\nauth_file = {folder}/users.txt\n\
             auth_query = SELECT username, secret FROM {user}.secret($1)\n{POOL}"
        );
        if knows_prepared_statements(version) {
            text.push_str("max_prepared_statements = 0\n");
        }
        let users = format!("\"{user}\" \"{}\"\n", self.password);
        for (name, text) in [
            ("pgbouncer.ini", text.as_str()),
            ("users.txt", users.as_str()),
            ("upstream.pem", upstream_ca.as_str()),
        ] {
            let path = self.scratch.path().join(name);
            ca::write(&path, text)?;
            self.scratch.account().adopt(&path)?;
        }
        Ok(())
    }
}

/// The program, also in a folder that is in the `PATH` of administrators only.
fn find() -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join("pgbouncer"))
        .find(|program| program.is_file())
        .context("no PgBouncer on this machine: apt-get install pgbouncer")
}

/// The second word of, for example, `PgBouncer 1.18.0`.
fn version(program: &Path) -> anyhow::Result<String> {
    let output = Command::new(program).arg("--version").output()?;
    let said = String::from_utf8(output.stdout)?;
    said.split_whitespace().nth(1).map(str::to_owned).context("PgBouncer does not say its version")
}

fn knows_prepared_statements(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(1), Some(21))
}

/// Two sessions with a transaction each, one within the other.
const TWO_AT_ONCE: &str = "begin; select 1;\n\\! psql -XqAtc 'select 1'\ncommit;\n";

/// What it logs when it takes connections.
const READY: &str = "process up";

/// A server connection is given out again when the other one has been; after a longer while than this they would be
/// looked at first, one after the other. `extra_float_digits` is what pgJDBC and sqlx ask for.
const POOL: &str = "pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
server_check_delay = 3600
server_idle_timeout = 3600
max_client_conn = 200
ignore_startup_parameters = extra_float_digits
";

/// A user that may look up what others log in with, and nothing else.
const PREPARE: &str = r#"
CREATE ROLE {user} LOGIN PASSWORD '{password}';
GRANT CONNECT ON DATABASE "{database}" TO {user};
CREATE SCHEMA {user};
GRANT USAGE ON SCHEMA {user} TO {user};
CREATE FUNCTION {user}.secret(wanted text) RETURNS TABLE (username text, secret text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
    AS 'SELECT rolname::text, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END
        FROM pg_authid WHERE rolname = wanted AND rolcanlogin AND NOT rolsuper';
REVOKE ALL ON FUNCTION {user}.secret(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION {user}.secret(text) TO {user};
"#;
