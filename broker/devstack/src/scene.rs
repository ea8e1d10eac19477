//! A broker on real servers for those who only ask it: examples, and the tests of clients.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::{Claims, Configuration, Databases, Program, World};

/// The broker, its world, and an application that may use its roles; they end when this is dropped.
#[derive(Debug)]
pub struct Scene {
    world: World,
    broker: Program,
    _configuration: Configuration,
}

impl Scene {
    /// Starts the broker that was built last, with this in its configuration besides the usual (a JSON merge patch).
    ///
    /// It ends with the thread that has started it.
    pub async fn start(patch: &Value) -> anyhow::Result<Self> {
        let world = World::builder().durable(false).shared_server().start().await?;
        let databases = Databases {
            ledger_owner_url: &world.ledger_owner_url(),
            ledger_writer_url: &world.ledger_writer_url(),
            target: "orders",
            prefix: "dsn:",
        };
        let mut configuration = Configuration::usual(&world, databases)?;
        configuration.merge(patch);
        configuration.write()?;
        let (binary, file) = (built("dsn-broker")?, configuration.file());
        let migrate =
            tokio::process::Command::new(&binary).arg("migrate").arg("--config").arg(&file).output();
        let migrated = migrate.await?;
        if !migrated.status.success() {
            bail!("the ledger is not migrated: {}", String::from_utf8_lossy(&migrated.stderr));
        }
        let broker = Program::start(&binary, &file, &[]).await?;
        Ok(Self { world, broker, _configuration: configuration })
    }

    /// The world.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The broker.
    pub fn broker(&self) -> &Program {
        &self.broker
    }

    /// What an application has in its environment to ask the broker.
    pub fn environment(&self) -> anyhow::Result<[(&'static str, OsString); 3]> {
        let claims = Claims::of("app-example").lifetime(Duration::from_secs(3600));
        Ok([
            ("DSN_BROKER_URL", self.broker.url().into()),
            ("DSN_BROKER_CA", self.world.ca_path().into()),
            ("DSN_BROKER_TOKEN", self.world.oidc().mint(&claims)?.into()),
        ])
    }

    /// Plays an example of documentation: starts all of this, and then this same program again with the
    /// [`Scene::environment`], where `example` runs.
    #[expect(clippy::print_stderr, reason = "that is what a failed example shows")]
    pub fn play<E: std::fmt::Debug>(example: impl Future<Output = Result<(), E>>) -> ExitCode {
        let played = || -> anyhow::Result<bool> {
            let runtime = tokio::runtime::Runtime::new()?;
            if std::env::var_os(PLAYING).is_some() {
                let played = runtime.block_on(example);
                return played.map(|()| true).map_err(|error| anyhow::anyhow!("it failed: {error:?}"));
            }
            let scene = runtime.block_on(Self::start(&examples()))?;
            let mut program = Command::new(std::env::current_exe()?);
            let status =
                program.args(std::env::args_os().skip(1)).env(PLAYING, "").envs(scene.environment()?);
            let success = status.status()?.success();
            runtime.block_on(scene.world.end())?;
            Ok(success)
        };
        match played() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Roles that examples ask for, besides the usual ones.
pub fn examples() -> Value {
    let credential = |role: &str, set_role: Option<&str>| {
        let credential = json!({ "kind": "dynamic_user", "member_of": [role], "set_role": set_role });
        json!({ "database": "orders", "credential": credential, "ttl": "1h", "max_ttl": "4h" })
    };
    json!({
        "roles": {
            "orders-writer": credential("orders_rw", None),
            "orders-migrator": credential("orders_owner", Some("orders_owner")),
        },
        "bindings": [{
            "workloads": { "issuer": "cluster", "subject": "app-*" },
            "roles": ["orders-reader", "orders-request", "orders-writer", "orders-migrator"],
        }],
    })
}

/// A program of this workspace that was built before: where cargo puts it.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let workspace = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| workspace.into());
    let path = PathBuf::from(target).join("debug").join(name);
    if !path.is_file() {
        bail!("{} is not there: cargo build --workspace --all-targets", path.display());
    }
    path.canonicalize().context("a path cannot be followed")
}

/// Set where an example runs by itself.
const PLAYING: &str = "DEVSTACK_PLAYING";
