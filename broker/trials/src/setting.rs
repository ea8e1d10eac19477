//! Where a trial takes place: servers of its own, several replicas, short times.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use devstack::{Configuration, Databases, MariaDb, Provider, Running, World, role};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::replica::Replica;

/// The servers and the replicas.
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) mariadb: MariaDb,
    pub(crate) replicas: Vec<Arc<Replica>>,
    pub(crate) client: reqwest::Client,
    usual: Configuration,
    binary: PathBuf,
}

/// The databases: a Postgres, where users expire by themselves, and a MariaDB, where they do not. Each has a role of every
/// kind, `<database>-<kind>`.
pub(crate) const DATABASES: [&str; 2] = ["orders", "mysql"];

/// The role whose password is rotated.
pub(crate) const PAIR: &str = "mysql-pair";

/// The kinds of roles whose leases are shared.
pub(crate) const SHARED: [&str; 3] = ["reader", "instance", "everyone"];

/// Every kind, with who shares, `ttl`, `max_ttl` and `drain`: so short that leases live and end while one looks on. Those
/// of the last outlive the trial, unless somebody revokes them.
const KINDS: [(&str, &str, &str, &str, &str); 5] = [
    ("reader", "workload", "10s", "30s", "0s"),
    ("instance", "instance", "12s", "24s", "1s"),
    ("everyone", "role", "15s", "15s", "2s"),
    ("request", "request", "10s", "30s", "0s"),
    ("long", "request", "1h", "1h", "0s"),
];

impl Setting {
    /// Starts the servers and prepares the ledger; no replica is started.
    pub(crate) async fn start(binary: &Path, replicas: usize, timeout: &str) -> anyhow::Result<Self> {
        let world = World::builder().durable(false).start().await?;
        let (owner, writer) = (world.ledger_owner_url(), world.ledger_writer_url());
        let databases = Databases {
            ledger_owner_url: &owner,
            ledger_writer_url: &writer,
            target: "orders",
            prefix: "dsn:trial:",
        };
        let mut usual = Configuration::usual(&world, databases)?;
        let mariadb = add_mariadb(&world, &mut usual).await?;
        shorten(&mut usual, timeout);
        usual.write()?;
        run(binary, &usual, &["migrate"]).await?;
        let mut prepared = Vec::new();
        for number in 0..replicas {
            let configuration = usual.replica()?;
            prepared.push(Arc::new(Replica::prepare(number, binary, &world, configuration).await?));
        }
        let client = client(world.ca_path())?;
        Ok(Self { world, mariadb, replicas: prepared, client, usual, binary: binary.to_owned() })
    }

    /// What `audit verify` says of the chain; an error if it is broken.
    pub(crate) async fn verify(&self) -> anyhow::Result<String> {
        run(&self.binary, &self.usual, &["audit", "verify"]).await
    }

    /// Ends the servers.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.mariadb.end().await?;
        self.world.end().await
    }
}

/// Starts a MariaDB and makes it the second database.
async fn add_mariadb(world: &World, usual: &mut Configuration) -> anyhow::Result<MariaDb> {
    let provided = Provider::Mysql.start(world, usual.folder()).await?;
    let credential = provided.roles.get("mysql-user").and_then(|role| role.get("credential"));
    usual.merge(&json!({ "databases": provided.databases, "roles": provided.roles }));
    usual.merge(&json!({ "roles": roles("mysql", credential) }));
    usual.merge(&json!({ "roles": { PAIR: { "ttl": "10s" } } }));
    match provided.running {
        Running::Mysql(mariadb) => Ok(mariadb),
        other => bail!("this is no MariaDB: {other:?}"),
    }
}

/// A role of every kind.
fn roles(database: &str, credential: Option<&Value>) -> Value {
    let role = |(kind, share, ttl, max_ttl, drain): (&str, &str, &str, &str, &str)| {
        let role = json!({
            "database": database,
            "credential": credential,
            "share": share,
            "ttl": ttl,
            "max_ttl": max_ttl,
            "drain": drain,
        });
        (format!("{database}-{kind}"), role)
    };
    KINDS.into_iter().map(role).collect()
}

/// Short times, and all roles for all workloads.
fn shorten(usual: &mut Configuration, timeout: &str) {
    usual.merge(&json!({
        "server": { "grace": "5s" },
        "ledger": { "timeout": timeout, "connections": 4 },
        "cache": { "redis": { "timeout": timeout } },
        "databases": { "orders": { "timeout": timeout }, "mysql": { "timeout": timeout } },
        "audit": { "heads_every": "1s" },
        "roles": roles("orders", role("request").get("credential")),
    }));
    let every = DATABASES.iter().flat_map(|database| KINDS.map(|kind| format!("{database}-{}", kind.0)));
    let every = every.chain([PAIR.to_owned()]);
    usual.merge(&json!({
        "bindings": [{
            "workloads": { "issuer": "cluster", "subject": "app-*" },
            "roles": every.collect::<Vec<_>>(),
        }],
    }));
}

/// What the program says with this configuration; an error if it fails.
pub(crate) async fn run(
    binary: &Path,
    configuration: &Configuration,
    arguments: &[&str],
) -> anyhow::Result<String> {
    let output = Command::new(binary)
        .args(arguments)
        .arg("--config")
        .arg(configuration.file())
        .env_clear()
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("{} does not start", binary.display()))?;
    let said = String::from_utf8_lossy(&output.stdout).trim().replace('\n', ", ");
    if !output.status.success() {
        bail!("{}: {said} {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(said)
}

/// A client that trusts the world's authority alone.
pub(crate) fn client(ca: &Path) -> anyhow::Result<reqwest::Client> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder().tls_backend_preconfigured(tls).timeout(PATIENCE).build()?)
}

/// How long a caller waits: longer than the broker lets anyone wait.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15);
