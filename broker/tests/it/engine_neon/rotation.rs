//! Rotated passwords at Neon, which takes no verifiers.

use super::*;
use crate::stand::{psql, run};

async fn works(answer: &Value) -> bool {
    psql(answer["dsn"].as_str().unwrap(), "select count(*) from app.orders").await.ok
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
