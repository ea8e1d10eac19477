//! Where a trial takes place: servers of its own, several replicas, short times.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use devstack::{Configuration, Databases, World, role};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use tokio::process::Command;

use crate::replica::Replica;

/// The servers and the replicas.
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) replicas: Vec<Arc<Replica>>,
    pub(crate) client: reqwest::Client,
    usual: Configuration,
    binary: PathBuf,
}

/// The role whose leases outlive the trial, unless somebody revokes them.
pub(crate) const LONG: &str = "orders-long";

/// The roles whose leases are shared.
pub(crate) const SHARED: [&str; 3] = ["orders-reader", "orders-instance", "orders-everyone"];

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
        shorten(&mut usual, timeout);
        usual.write()?;
        run(binary, &usual, &["migrate"]).await?;
        let mut prepared = Vec::new();
        for number in 0..replicas {
            let configuration = usual.replica()?;
            prepared.push(Arc::new(Replica::prepare(number, binary, &world, configuration).await?));
        }
        let client = client(world.ca_path())?;
        Ok(Self { world, replicas: prepared, client, usual, binary: binary.to_owned() })
    }

    /// What `audit verify` says of the chain; an error if it is broken.
    pub(crate) async fn verify(&self) -> anyhow::Result<String> {
        run(&self.binary, &self.usual, &["audit", "verify"]).await
    }

    /// Ends the servers.
    pub(crate) async fn end(self) -> anyhow::Result<()> {
        self.world.end().await
    }
}

/// Times so short that leases live and end while one looks on.
fn shorten(usual: &mut Configuration, timeout: &str) {
    let times =
        |ttl: &str, max_ttl: &str, drain: &str| json!({ "ttl": ttl, "max_ttl": max_ttl, "drain": drain });
    usual.merge(&json!({
        "server": { "grace": "5s" },
        "ledger": { "timeout": timeout, "connections": 4 },
        "cache": { "redis": { "timeout": timeout } },
        "databases": { "orders": { "timeout": timeout } },
        "audit": { "heads_every": "1s" },
        "roles": { LONG: role("request") },
    }));
    usual.merge(&json!({
        "roles": {
            "orders-reader": times("10s", "30s", "0s"),
            "orders-instance": times("12s", "24s", "1s"),
            "orders-everyone": times("15s", "15s", "2s"),
            "orders-request": times("10s", "30s", "0s"),
            LONG: times("1h", "1h", "0s"),
        },
        "bindings": [{
            "workloads": { "issuer": "cluster", "subject": "app-*" },
            "roles": ["orders-reader", "orders-instance", "orders-everyone", "orders-request", LONG],
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
