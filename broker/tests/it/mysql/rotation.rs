//! Passwords of MySQL that are rotated: those of a pair, and that of the broker's own user.

use std::time::Duration;

use sqlx::{Connection as _, MySqlConnection};

use super::*;
use crate::stand::mariadb::admin_password;
use crate::stand::{Answer, run};

const HOUR: Duration = Duration::from_secs(3600);

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
fn a_pair_is_rotated_and_what_was_promised_is_kept() {
    run(async {
        let (mut settings, server) = settings().await;
        let users = ["a", "b"].map(|which| format!("pair_{}_{which}", settings.target));
        for user in &users {
            let sql = format!("CREATE USER {user} REQUIRE SSL; GRANT SELECT ON shop.items TO {user}");
            server.execute("", &sql).await.unwrap();
        }
        let credential = json!({ "kind": "rotated_password", "users": users, "rotate": "manual" });
        add_shop(&mut settings, server, "shop-rotated", credential);
        settings.config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
        let stand = Stand::on(settings).await;
        let fetch = async || stand.caller("app-shop").dsn("shop-rotated").await;
        let rotated = || rotate(&stand, json!({ "role": "shop-rotated" }));

        let first = fetch().await;
        let mut session = MySqlConnection::connect(text(&first["dsn"])).await.unwrap();
        rotated().await.ok();
        let second = fetch().await;
        assert_ne!(first["parameters"]["user"], second["parameters"]["user"]);
        assert!(works(&first).await && works(&second).await);
        assert_eq!(rotated().await.problem(), "engine-unavailable", "the first is promised still");
        stand.clock.advance(HOUR);
        rotated().await.ok();
        let third = fetch().await;
        assert_eq!(first["parameters"]["user"], third["parameters"]["user"]);
        assert!(!works(&first).await && works(&second).await && works(&third).await);
        session.ping().await.unwrap();
        let shown = stand.caller("operator").get("/v1/databases/shop").await.ok();
        assert_eq!(shown["roles"]["shop-rotated"]["mistakes"], json!([]), "{shown}");

        let incident = json!({ "role": "shop-rotated", "reason": "leaked" });
        stand.caller("operator").post("/v1/revocations", &incident).await.ok();
        stand
            .until(|| async {
                let left = stand.at_ledger("select count(*) from leases where due_at is not null").await;
                if left == "0" { Ok(()) } else { Err(left) }
            })
            .await;
        assert!(!works(&second).await && !works(&third).await);
        assert!(session.ping().await.is_err(), "an incident ends sessions");
        assert!(works(&fetch().await).await);
        stand.stop().await;
    });
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
