//! A MariaDB that tests share which break nothing in it, with an application's database and a user for the broker.

use devstack::MariaDb;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{Outcome, Settings, world};

/// The broker's user there.
pub const ADMIN: &str = "dsn_broker";

const PASSWORD: &str = "Maria-admin-password-1";

/// The server, started for the first who asks.
pub async fn mariadb() -> &'static MariaDb {
    static SERVER: OnceCell<MariaDb> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

/// A server of its own, of the world's authority.
async fn start() -> MariaDb {
    let server = MariaDb::builder().ca(world().await.ca()).durable(false).start().await.unwrap();
    prepare(&server).await;
    server
}

/// Makes what the documentation wants, and an application's database.
pub async fn prepare(server: &MariaDb) {
    server.execute("", &PREPARATION.replace("{password}", PASSWORD)).await.unwrap();
}

/// Adds the database `shop`, and a role on it for everyone whose subject begins with `app-`.
pub fn add_shop(settings: &mut Settings, server: &MariaDb, role: &str, credential: Value) {
    let password = settings.secret("shop-admin", PASSWORD);
    settings.config["databases"]["shop"] = json!({
        "engine": "mysql",
        "dbname": "shop",
        "endpoints": { "primary": { "host": server.host(), "port": server.port() } },
        "tls": { "ca": { "file": settings.ca_path } },
        "admin": { "username": ADMIN, "password": password },
        "timeout": "20s",
    });
    settings.config["roles"][role] = json!({
        "database": "shop", "credential": credential, "ttl": "1h", "max_ttl": "4h", "share": "workload",
    });
    settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push(json!(role));
}

/// The password of the broker's user.
pub fn admin_password() -> &'static str {
    PASSWORD
}

/// What MariaDB's own client says, with nothing but an option file to go by.
pub async fn mariadb_client(option_file: &str, query: &str) -> Outcome {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), option_file).unwrap();
    let output = Command::new("mariadb")
        .arg(format!("--defaults-file={}", file.path().display()))
        .args(["--batch", "--skip-column-names", "-e", query])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Outcome {
        ok: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap().trim_end().to_owned(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The statements of README.md.
const PREPARATION: &str = "
    CREATE DATABASE shop;
    CREATE TABLE shop.orders (id INT); CREATE TABLE shop.items (id INT); INSERT INTO shop.orders VALUES (7);
    CREATE ROLE shop_ro; GRANT SELECT ON shop.* TO shop_ro;
    CREATE USER dsn_broker IDENTIFIED BY '{password}' REQUIRE SSL;
    GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO dsn_broker;
    GRANT SELECT ON mysql.* TO dsn_broker;
    GRANT SELECT, INSERT, UPDATE, DELETE ON shop.* TO dsn_broker WITH GRANT OPTION;
    GRANT shop_ro TO dsn_broker WITH ADMIN OPTION;
    GRANT UPDATE ON mysql.* TO dsn_broker;";
