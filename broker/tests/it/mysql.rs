//! MySQL through the front door.

mod rotation;
mod story;
mod via;

use devstack::MariaDb;
use serde_json::{Value, json};

use crate::stand::mariadb::{add_shop, mariadb};
use crate::stand::{Settings, Stand, unique, world};

/// A configuration with a database `shop` on the MariaDB that tests share, and a role `shop-writer` there.
pub(crate) async fn settings() -> (Settings, &'static MariaDb) {
    let (mut settings, server) = (Settings::new(world().await, &unique()).await, mariadb().await);
    let credential = json!({
        "kind": "dynamic_user",
        "privileges": [{ "in": "shop.items", "can": ["select", "insert"] }],
        "connection_limit": 10,
    });
    add_shop(&mut settings, server, "shop-writer", credential);
    (settings, server)
}

/// Two users for a role of this configuration.
pub(crate) async fn pair(settings: &Settings, server: &MariaDb) -> [String; 2] {
    let users = ["a", "b"].map(|which| format!("pair_{}_{which}", settings.target));
    for user in &users {
        let sql = format!("CREATE USER {user} REQUIRE SSL; GRANT SELECT, INSERT ON shop.items TO {user}");
        server.execute("", &sql).await.unwrap();
    }
    users
}

/// The users that this broker made and that are still there.
async fn users(stand: &Stand, server: &MariaDb) -> Vec<String> {
    let tag = stand.at_ledger("select tag from installation").await;
    let query = format!("select user from mysql.user where user like 'dsn\\_{tag}\\_%' order by 1");
    server.query_text("", &query).await.unwrap().lines().map(str::to_owned).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
