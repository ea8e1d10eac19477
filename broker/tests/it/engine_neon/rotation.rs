//! Rotated passwords at Neon, which takes no verifiers.

use std::time::Duration;

use super::*;
use crate::stand::{psql, run};

const HOUR: Duration = Duration::from_secs(3600);

async fn works(answer: &Value) -> bool {
    psql(answer["dsn"].as_str().unwrap(), "select count(*) from app.orders").await.ok
}

#[test]
fn a_pair_is_rotated_and_what_was_promised_is_kept() {
    run(async {
        let neon = neon().await;
        let users = ["report_a", "report_b"];
        for user in users {
            let sql = format!(
                "create role {user} login in role orders_ro; grant {user} to neondb_owner with admin option"
            );
            neon.postgres().execute("neondb", &sql).await.unwrap();
        }
        let settings = settings(&neon, |config| {
            config["roles"]["neon-rotated"] = json!({
                "database": "neon", "ttl": "1h",
                "credential": { "kind": "rotated_password", "users": users, "rotate": "manual" },
            });
            config["bindings"][0]["roles"].as_array_mut().unwrap().push("neon-rotated".into());
            config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
        })
        .await;
        let site = Site { neon, stand: Stand::on(settings).await };
        let body = json!({ "role": "neon-rotated" });
        let operator = site.caller("operator");

        let first = site.dsn("neon-rotated").await;
        assert!(works(&first).await);
        operator.post("/v1/databases/neon/rotate", &body).await.ok();
        let second = site.dsn("neon-rotated").await;
        assert_ne!(first["parameters"]["user"], second["parameters"]["user"]);
        assert!(works(&first).await && works(&second).await);
        // Who has no cache finds it in the ledger, with the same way in.
        let mut other = site.settings.replica();
        other.config["cache"] = json!({ "local": {} });
        let other = Stand::at(other, site.clock.clone()).await;
        let there = other.caller("app-orders").dsn("neon-rotated").await;
        assert_eq!((&there["dsn"], &there["lease_id"]), (&second["dsn"], &second["lease_id"]));
        other.stop().await;

        site.clock.advance(HOUR);
        operator.post("/v1/databases/neon/rotate", &body).await.ok();
        let third = site.dsn("neon-rotated").await;
        assert_eq!(first["parameters"]["user"], third["parameters"]["user"]);
        assert!(!works(&first).await && works(&second).await && works(&third).await);
        site.stop().await;
    });
}

#[test]
fn a_password_is_adopted_only_if_it_is_the_right_one() {
    run(async {
        let neon = neon().await;
        for user in ["report_a", "report_b"] {
            let sql = format!(
                "create role {user} login password 'Adopted-password-1' in role orders_ro; \
                 grant {user} to neondb_owner with admin option"
            );
            neon.postgres().execute("neondb", &sql).await.unwrap();
        }
        let mut settings = settings(&neon, |_| {}).await;
        let right = settings.secret("right", "Adopted-password-1");
        let wrong = settings.secret("wrong", "Adopted-password-2");
        let role = |password: &Value, users: [&str; 2]| {
            let adopt = json!({ "username": users[0], "password": password });
            json!({
                "database": "neon", "ttl": "1h",
                "credential": { "kind": "rotated_password", "users": users, "rotate": "manual", "adopt": adopt },
            })
        };
        settings.config["roles"]["neon-wrong"] = role(&wrong, ["report_a", "report_b"]);
        settings.config["roles"]["neon-right"] = role(&right, ["report_b", "report_a"]);
        let roles = settings.config["bindings"][0]["roles"].as_array_mut().unwrap();
        roles.extend(["neon-wrong".into(), "neon-right".into()]);
        let site = Site { neon, stand: Stand::on(settings).await };
        assert_eq!(site.try_dsn("neon-wrong").await.problem(), "engine-refused");
        let adopted = site.dsn("neon-right").await;
        assert_eq!(adopted["parameters"]["password"], "Adopted-password-1");
        assert!(works(&adopted).await);
        site.stop().await;
    });
}
