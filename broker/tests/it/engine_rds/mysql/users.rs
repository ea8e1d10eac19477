//! Users per lease and pairs, made by a user of the broker's own that logs in with a password or with a token.

use sqlx::Connection as _;

use super::*;
use crate::stand::run;

/// With the broker's user in place of the reader's tokens, and this role.
fn with_role(mut scene: Scene, credential: Value, share: &str) -> Scene {
    scene.settings.config["roles"]["app-reader"] = json!({
        "database": "app", "credential": credential, "ttl": "1h", "share": share,
    });
    scene
}

/// With a broker that makes a token for each of its connections.
async fn with_token_admin() -> Scene {
    let mut scene = Scene::new(&["token_admin"]).await;
    scene.settings.config["databases"]["app"]["admin"] = json!({ "username": "token_admin" });
    scene
}

async fn made_and_removed(scene: Scene) {
    let privileges = json!([{ "on": "shop.orders", "can": ["select"] }]);
    let credential = json!({ "kind": "dynamic_user", "privileges": privileges });
    let open = with_role(scene, credential, "request").open().await;
    let caller = open.stand.caller("app-a");
    let first = caller.dsn("app-reader").await;
    assert_eq!(first["format"], "uri");
    let mut held = MySqlConnection::connect(first["dsn"].as_str().unwrap()).await.unwrap();
    let id: i32 = sqlx::query_scalar("select id from orders").fetch_one(&mut held).await.unwrap();
    assert_eq!(id, 7);

    // Whatever the first connection was made with, the next one needs it anew.
    open.pass(20);
    open.rds.primary.end_sessions();
    let second = caller.dsn("app-reader").await;
    let url = second["dsn"].as_str().unwrap();
    let mut held = MySqlConnection::connect(url).await.unwrap();
    for dsn in [&first, &second] {
        let path = format!("/v1/leases/{}", dsn["lease_id"].as_str().unwrap());
        assert!(caller.delete(&path).await.status.is_success());
    }
    open.stand
        .until(|| async {
            let left =
                open.server.query_text("", r"select user from mysql.user where user like 'dsn\_%'").await;
            let left = left.unwrap();
            if left.is_empty() { Ok(()) } else { Err(left) }
        })
        .await;
    // The broker's user may not end it by `KILL`, and has ended it.
    assert!(held.ping().await.is_err());
    assert!(MySqlConnection::connect(url).await.unwrap_err().to_string().contains("Access denied"));
    assert_eq!(open.rds.reasons(), Vec::<String>::new());
    open.close().await;
}

#[test]
fn with_a_password() {
    run(async { made_and_removed(Scene::with_admin().await).await });
}

#[test]
fn with_a_token_for_each_connection() {
    run(async { made_and_removed(with_token_admin().await).await });
}

#[test]
fn a_pair_is_rotated_over_a_token() {
    run(async {
        let scene = with_token_admin().await;
        let pair = "CREATE USER report_a REQUIRE SSL; CREATE USER report_b REQUIRE SSL;
                    GRANT SELECT ON shop.orders TO report_a; GRANT SELECT ON shop.orders TO report_b";
        scene.server.execute("", pair).await.unwrap();
        let credential =
            json!({ "kind": "rotated_password", "users": ["report_a", "report_b"], "rotate": "manual" });
        let mut scene = with_role(scene, credential, "role");
        scene.settings.config["operators"][0]["may"] = json!(["leases", "revoke", "rotate"]);
        let open = scene.open().await;
        let caller = open.stand.caller("app-a");
        let mut users = Vec::new();
        for _ in 0..2 {
            let dsn = caller.dsn("app-reader").await;
            MySqlConnection::connect(dsn["dsn"].as_str().unwrap()).await.unwrap();
            users.push(dsn["parameters"]["user"].as_str().unwrap().to_owned());
            let rotate = json!({ "role": "app-reader" });
            open.stand.caller("operator").post("/v1/databases/app/rotate", &rotate).await.ok();
            open.pass(60);
        }
        users.sort();
        assert_eq!(users, ["report_a", "report_b"]);
        assert_eq!(open.rds.reasons(), Vec::<String>::new());
        open.close().await;
    });
}
