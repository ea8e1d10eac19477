//! Users per lease, made by a user of the broker's own that logs in with a token.

use super::*;
use crate::stand::{role, run};

#[test]
fn with_a_token_for_each_connection() {
    run(async {
        let mut scene =
            Scene::new(|settings, aws| fixed(settings, &aws.key(&["token_admin"]).unwrap())).await;
        scene.settings.config["databases"]["app"]["admin"] = json!({ "username": "token_admin" });
        let mut reader = role("request");
        reader["database"] = json!("app");
        reader["credential"]["member_of"] = json!(["app_ro"]);
        scene.settings.config["roles"]["app-reader"] = reader;
        let open = scene.open().await;
        let first = open.dsn("app-a").await;
        assert_eq!(query(&first, "select id from app.orders").await.stdout, "7");

        // Whatever the first connection was made with, the next one needs it anew.
        open.pass(20);
        let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename like '%admin'";
        assert_ne!(open.server.query_text("postgres", end).await.unwrap(), "0");
        let second = open.dsn("app-a").await;
        assert_eq!(query(&second, "select id from app.orders").await.stdout, "7");
        for dsn in [&first, &second] {
            let path = format!("/v1/leases/{}", dsn["lease_id"].as_str().unwrap());
            assert!(open.stand.caller("app-a").delete(&path).await.status.is_success());
        }
        open.stand
            .until(|| async {
                let left = open
                    .server
                    .query_text("postgres", r"select rolname from pg_roles where rolname like 'dsn\_%'");
                let left = left.await.unwrap();
                if left.is_empty() { Ok(()) } else { Err(left) }
            })
            .await;
        assert_eq!(open.rds.reasons(), Vec::<String>::new());
        open.close().await;
    });
}
