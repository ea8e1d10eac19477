//! The admin listener.

use devstack::World;
use reqwest::StatusCode;
use serde_json::json;

use super::assert_problem;
use crate::stand::{Settings, Stand, run, unique};

async fn admin(stand: &Stand, path: &str) -> (StatusCode, String) {
    let response = reqwest::get(format!("{}{path}", stand.admin_url)).await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[test]
fn metrics_show_every_family_and_no_secret() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let mut secrets = Vec::new();
        for role in ["orders-reader", "orders-reader", "orders-request"] {
            let answer = caller.dsn(role).await;
            secrets.push(answer["parameters"]["password"].as_str().unwrap().to_owned());
        }
        assert_problem(&stand.bearer("x").get("/v1/whoami").await, "unauthenticated");
        stand.clock.advance(std::time::Duration::from_secs(60));
        stand
            .until(|| async {
                let text = admin(&stand, "/metrics").await.1;
                let shown = r#"dsn_broker_leases{database="orders",state="active"} 2"#;
                if text.contains(shown) { Ok(()) } else { Err(text) }
            })
            .await;
        let (status, text) = admin(&stand, "/metrics").await;
        assert_eq!(status, 200);
        for line in [
            r#"dsn_broker_requests_total{route="/v1/dsn/{role}",status="200"} 3"#,
            r#"dsn_broker_request_seconds_count{route="/v1/dsn/{role}"} 3"#,
            r#"dsn_broker_mints_total{database="orders",outcome="made"} 2"#,
            r#"dsn_broker_mint_seconds_count{database="orders"} 2"#,
            r#"dsn_broker_cache_hits_total{database="orders"} 1"#,
            r#"dsn_broker_reaper_lag_seconds{database="orders"}"#,
            r#"dsn_broker_stuck_revocations{database="orders"} 0"#,
            r#"dsn_broker_database_up{database="orders"} 1"#,
            "dsn_broker_cache_up 1",
            "dsn_broker_ledger_up 1",
            "dsn_broker_audit_lag_seconds 0.0",
            "dsn_broker_certificate_expiry_timestamp_seconds ",
            "dsn_broker_config_refused 0",
            "dsn_broker_ledger_batch_count ",
            "dsn_broker_ledger_commit_seconds_count ",
            "dsn_broker_ledger_failures_total 0",
            "dsn_broker_authentication_failures_total 1",
            r#"dsn_broker_config_loads_total{outcome="loaded"} 1"#,
            "# EOF",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        for secret in &secrets {
            assert!(!text.contains(secret));
        }
        assert!(!text.contains("app-orders"), "workloads are no labels");
        for path in ["/v1/whoami", "/v1/dsn/orders-reader", "/docs", "/openapi.json", "/"] {
            assert_eq!(admin(&stand, path).await.0, 404, "{path}");
        }
        for path in ["/metrics", "/healthz", "/readyz"] {
            assert_problem(&caller.get(path).await, "not-found");
        }
        stand.stop().await;
    });
}

#[test]
fn ready_is_who_has_a_ledger_and_alive_is_everyone() {
    run(async {
        let world: &'static World =
            Box::leak(Box::new(World::builder().durable(false).shared_server().start().await.unwrap()));
        let mut settings = Settings::new(world, &unique()).await;
        settings.config["ledger"]["timeout"] = json!("2s");
        settings.migrate().await;
        let stand = Stand::again(settings).await;
        assert_eq!(admin(&stand, "/healthz").await, (StatusCode::OK, "ok\n".into()));
        let ready = async |expected: u16| {
            stand
                .until(|| async {
                    let (status, text) = admin(&stand, "/readyz").await;
                    if status == expected { Ok(()) } else { Err(format!("{status} {text}")) }
                })
                .await;
        };
        ready(200).await;
        world.ledger().stop().await.unwrap();
        ready(503).await;
        assert_eq!(admin(&stand, "/healthz").await.0, 200);
        world.ledger().restart().await.unwrap();
        ready(200).await;
        // A writer in the middle of its reconnection may still say no; without a restart it says yes.
        let caller = stand.caller("app-orders");
        stand
            .until(|| async {
                let answer = caller.get(&caller.dsn_path("orders-reader")).await;
                if answer.status == StatusCode::OK { Ok(()) } else { Err(answer.text) }
            })
            .await;
        stand.app.stop.cancel();
        stand.stop().await;
        world.ledger().end().await.unwrap();
        world.redis().end().await.unwrap();
    });
}
