//! Passwords of MySQL that are rotated: those of a pair, and that of the broker's own user.

use sqlx::{Connection as _, MySqlConnection};

use super::*;
use crate::stand::mariadb::admin_password;
use crate::stand::{Answer, run};

async fn works(answer: &Value) -> bool {
    match MySqlConnection::connect(text(&answer["dsn"])).await {
        Ok(session) => session.close().await.is_ok(),
        Err(error) => {
            assert!(error.to_string().contains("Access denied"), "{error}");
            false
        }
    }
}

async fn rotate(stand: &Stand, body: Value) -> Answer {
    stand.caller("operator").post("/v1/databases/shop/rotate", &body).await
}

#[test]
fn the_brokers_own_password_is_changed_and_found_again() {
    run(async {
        let (mut settings, server) = settings().await;
        let admin = format!("adm_{}", settings.target);
        let sql = format!(
            "CREATE USER {admin} IDENTIFIED BY '{}' REQUIRE SSL; GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO {admin}; \
             GRANT SELECT ON mysql.* TO {admin}; GRANT SELECT, INSERT ON shop.* TO {admin} WITH GRANT OPTION",
            admin_password()
        );
        server.execute("", &sql).await.unwrap();
        settings.config["databases"]["shop"]["admin"]["username"] = admin.clone().into();
        settings.config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
        let stand = Stand::on(settings).await;
        let fresh = async |stand: &Stand| {
            let body = json!({ "fresh": true, "ca_file": stand.settings.ca_path });
            stand.caller("app-shop").post("/v1/dsn/shop-writer", &body).await.ok()
        };
        assert!(works(&fresh(&stand).await).await);
        rotate(&stand, json!({})).await.ok();
        let old = server.url(&admin, admin_password(), "shop");
        assert!(MySqlConnection::connect(&old).await.is_err());
        // Whoever starts now knows it from the ledger.
        let settings = stand.stop().await;
        let stand = Stand::again(settings).await;
        assert!(works(&fresh(&stand).await).await);
        stand.stop().await;
    });
}
