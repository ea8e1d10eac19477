//! A broker on real servers, and the command with its environment.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use devstack::{Claims, Configuration, Databases, Link, Program, World, role};
use serde_json::json;
use tokio::process::Command;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

/// Runs a test. All share one runtime, because they share servers.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(test)
}

/// What a test needs.
pub struct Scene {
    world: World,
    broker: Program,
    configuration: Configuration,
}

impl Scene {
    /// The one that all tests share.
    pub async fn shared() -> &'static Self {
        static SCENE: OnceCell<Scene> = OnceCell::const_new();
        // The broker ends with the thread that has started it, which must not be that of a test.
        SCENE.get_or_init(async || tokio::spawn(Self::start(async |_, _| ())).await.unwrap()).await
    }

    /// One of its own, with changes to the usual configuration.
    pub async fn start(change: impl AsyncFnOnce(&World, &mut Configuration)) -> Self {
        let world = World::builder().durable(false).shared_server().start().await.unwrap();
        let (owner, writer) = (world.ledger_owner_url(), world.ledger_writer_url());
        let databases = Databases {
            ledger_owner_url: &owner,
            ledger_writer_url: &writer,
            target: "orders",
            prefix: "dsn:",
        };
        let mut configuration = Configuration::usual(&world, databases).unwrap();
        let pair = pair(&world, &configuration).await;
        // These change while a test looks.
        let mut short = role("workload");
        (short["ttl"], short["max_ttl"]) = (json!("10s"), json!("10s"));
        configuration.merge(&json!({ "roles": {
            "orders-instance": { "ttl": "20s", "max_ttl": "20s", "share": "request" },
            "orders-short": short,
            "orders-pair": pair,
        } }));
        let bound = configuration.config["bindings"][0]["roles"].as_array_mut().unwrap();
        bound.extend([json!("orders-short"), json!("orders-pair")]);
        change(&world, &mut configuration).await;
        configuration.write().unwrap();
        let migrated =
            Command::new(broker()).arg("migrate").arg("--config").arg(configuration.file()).output();
        let migrated = migrated.await.expect("the broker is not built: cargo build -p dsn-broker");
        assert!(migrated.status.success(), "{migrated:?}");
        let broker = Program::start(&broker(), &configuration.file(), &[]).await.unwrap();
        Self { world, broker, configuration }
    }

    /// The command, for an application.
    pub fn dsn(&self, arguments: &[&str]) -> Command {
        self.dsn_with(arguments, &self.token())
    }

    /// The same, with this token.
    pub fn dsn_with(&self, arguments: &[&str], token: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsn"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.configuration.folder())
            .env("DSN_BROKER_URL", self.broker.url())
            .env("DSN_BROKER_CA", self.world.ca_path())
            .env("DSN_BROKER_TOKEN", token)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// The proof of an application.
    pub fn token(&self) -> String {
        let claims = Claims::of("app-cli").lifetime(Duration::from_secs(3600));
        self.world.oidc().mint(&claims).unwrap()
    }

    /// What it prints, without the last newline.
    pub async fn succeeds(&self, arguments: &[&str]) -> String {
        let output = self.dsn(arguments).output().await.unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// What psql prints, with nothing but the DSN to go by; empty if it is not let in.
    pub async fn psql(&self, dsn: &str, query: &str) -> String {
        let output = Command::new("psql").args(["-XAtc", query, dsn]).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    pub fn world(&self) -> &World {
        &self.world
    }

    pub fn broker_url(&self) -> &str {
        self.broker.url()
    }

    /// A way to the broker that can be cut, and its URL.
    pub async fn way(&self) -> (Link, String) {
        let (_, port) = self.broker.url().rsplit_once(':').unwrap();
        let way = Link::to(port.parse().unwrap()).await.unwrap();
        let url = format!("https://localhost:{}", way.port());
        (way, url)
    }

    /// The configuration of another broker, with this port.
    pub fn other(&self, port: u16) -> Configuration {
        let mut other = self.configuration.replica().unwrap();
        other.merge(&json!({ "server": { "listen": format!("127.0.0.1:{port}") } }));
        other.write().unwrap();
        other
    }

    /// Starts a broker with this configuration.
    pub async fn broker(configuration: &Configuration) -> Program {
        Program::start(&broker(), &configuration.file(), &[]).await.unwrap()
    }

    pub fn ca_pem(&self) -> &str {
        self.world.ca().pem()
    }

    pub fn ca_path(&self) -> &str {
        self.world.ca_path().to_str().unwrap()
    }
}

/// A role with a password that no URL can hold as it is.
async fn pair(world: &World, configuration: &Configuration) -> serde_json::Value {
    let sql = format!(
        "create role cli_a login in role orders_ro password '{PASSWORD}'; \
         create role cli_b login in role orders_ro; \
         grant cli_a, cli_b to broker_admin with admin option"
    );
    world.orders().execute("orders", &sql).await.unwrap();
    let adopt =
        json!({ "username": "cli_a", "password": configuration.secret("adopted", PASSWORD).unwrap() });
    let users = ["cli_a", "cli_b"];
    json!({
        "database": "orders",
        "credential": { "kind": "rotated_password", "users": users, "rotate": "manual", "adopt": adopt },
        "ttl": "1h",
        "share": "role",
    })
}

/// It has what has a meaning in URLs.
pub const PASSWORD: &str = "p@ss:w/o%rd? #1 &=+";

/// Who may do what with a file.
pub fn mode(file: &Path) -> u32 {
    std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(file).unwrap()) & 0o777
}

/// The broker, which is built beside the command.
pub fn broker() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_dsn")).with_file_name("dsn-broker")
}
