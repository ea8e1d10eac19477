//! A MariaDB.

use serde_json::json;

use super::{Place, Provided, Running};
use crate::{MariaDb, entropy};

pub(super) async fn start(place: &Place<'_>) -> anyhow::Result<Provided> {
    let server = MariaDb::builder().ca(place.ca).durable(false).start().await?;
    let password = entropy::password()?;
    server.execute("", &PREPARATION.replace("{password}", &password)).await?;
    let database = json!({
        "engine": "mysql",
        "dbname": "shop",
        "endpoints": { "primary": { "host": server.host(), "port": server.port() } },
        "tls": { "ca": place.trust() },
        "admin": { "username": "dsn_broker", "password": place.secret("mysql-admin", &password)? },
    });
    let privileges = json!([{ "on": "shop.orders", "can": ["select"] }]);
    Ok(Provided::new(Running::Mysql(server))
        .database("mysql", database)
        .role("mysql-user", "mysql", "15m", json!({ "kind": "dynamic_user", "privileges": privileges }))
        .role(
            "mysql-pair",
            "mysql",
            "1h",
            json!({ "kind": "rotated_password", "users": ["report_a", "report_b"] }),
        ))
}

const PREPARATION: &str = "
    CREATE DATABASE shop; CREATE TABLE shop.orders (id INT); INSERT INTO shop.orders VALUES (1), (2), (3);
    CREATE USER dsn_broker IDENTIFIED BY '{password}' REQUIRE SSL;
    GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO dsn_broker;
    GRANT SELECT ON mysql.* TO dsn_broker;
    GRANT SELECT ON shop.* TO dsn_broker WITH GRANT OPTION;
    CREATE USER report_a REQUIRE SSL; CREATE USER report_b REQUIRE SSL;
    GRANT SELECT ON shop.orders TO report_a, report_b;";
