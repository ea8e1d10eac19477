//! What all tests share.

use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use devstack::{Scene, built, examples};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// Runs a test. All share one runtime and the servers on it.
pub fn run(test: impl AsyncFnOnce(&'static Scene)) {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    static SCENE: OnceCell<Scene> = OnceCell::const_new();
    RUNTIME.block_on(async {
        // Its servers end with the thread that has started them, which must not be that of a test.
        test(SCENE.get_or_init(async || tokio::spawn(start()).await.unwrap()).await).await;
    });
}

/// With credentials that change while a test looks.
async fn start() -> Scene {
    let mut patch = examples();
    for role in ["orders-reader", "orders-writer"] {
        (patch["roles"][role]["ttl"], patch["roles"][role]["max_ttl"]) = (json!("20s"), json!("20s"));
    }
    Scene::start(&patch).await.unwrap()
}

/// An example, with nothing but the environment of an application.
pub fn example(scene: &Scene, name: &str) -> Command {
    let mut command = Command::new(built(&format!("examples/{name}")).unwrap());
    command.env_clear().envs(scene.environment().unwrap()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Ends it as an orchestrator does, and sees that it ends well.
pub async fn ended(mut program: Child) {
    let process = program.id().unwrap().to_string();
    let sent = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &process]).status().await.unwrap();
    assert!(sent.success());
    let ended = timeout(Duration::from_secs(30), program.wait()).await.expect("it goes on").unwrap();
    assert!(ended.success(), "{ended}");
}

/// The leases of this role, the newest first: how each ended, or nothing of one that lives.
pub async fn leases(scene: &Scene, role: &str) -> Vec<String> {
    let query = format!(
        "select coalesce(reason, '') from leases where role = '{role}' and issued_at is not null order by created_at desc"
    );
    let leases = scene.world().ledger().query_text("ledger", &query).await.unwrap();
    leases.lines().map(str::to_owned).collect()
}
