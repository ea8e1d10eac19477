//! What operators read: databases and the audit.

use serde_json::{Value, json};

use super::assert_problem;
use crate::stand::{Stand, run};

#[test]
fn databases_say_how_they_are_and_what_their_roles_can_do() {
    run(async {
        let stand = Stand::with(|config| {
            let mut gone = config["databases"]["orders"].clone();
            gone["endpoints"]["primary"]["port"] = 1.into();
            config["databases"]["gone"] = gone;
            config["roles"]["gone-reader"] = crate::stand::role("workload");
            config["roles"]["gone-reader"]["database"] = "gone".into();
        })
        .await;
        let operator = stand.caller("operator");
        let list = operator.get("/v1/databases").await.ok();
        let names: Vec<_> =
            list["databases"].as_array().unwrap().iter().map(|one| &one["database"]).collect();
        assert_eq!(names, ["gone", "orders"]);
        let orders = operator.get("/v1/databases/orders").await.ok();
        assert_eq!((&orders["engine"], &orders["reachable"]), (&"postgres".into(), &true.into()));
        assert_eq!(orders["credentials"], json!(["dynamic_user", "rotated_password"]));
        assert!(orders["server"].is_object() && orders["error"].is_null(), "{orders}");
        let roles: Vec<_> = orders["roles"].as_object().unwrap().keys().cloned().collect();
        let expected =
            ["orders-everyone", "orders-instance", "orders-reader", "orders-request", "orders-unbound"];
        assert_eq!(roles, expected);
        assert!(orders["roles"]["orders-reader"]["error"].is_null(), "{orders}");
        let gone = operator.get("/v1/databases/gone").await.ok();
        assert!(gone["server"].is_null() && gone["error"].is_string(), "{gone}");
        assert_problem(&operator.get("/v1/databases/other").await, "not-found");
        let mine = stand.settings.world.orders_admin_password();
        assert!(!orders.to_string().contains(mine) && !gone.to_string().contains(mine));
        stand.stop().await;
    });
}

#[test]
fn the_ca_is_for_those_who_use_the_database() {
    run(async {
        let stand = Stand::start().await;
        let ca = std::fs::read_to_string(&stand.settings.ca_path).unwrap();
        for who in ["app-orders", "operator"] {
            for path in ["/v1/databases/orders/ca.pem", "/v1/databases/orders/ca.pem?endpoint=primary"] {
                let answer = stand.caller(who).get(path).await;
                assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, ca.as_str()), "{who}");
                assert_eq!(answer.headers["content-type"], "application/x-pem-file");
            }
        }
        let stranger = stand.caller("stranger");
        let unknown = stranger.get("/v1/databases/other/ca.pem").await;
        assert_problem(&unknown, "forbidden");
        for name in ["orders", "%ff", "a%00b", "DROP"] {
            let answer = stranger.get(&format!("/v1/databases/{name}/ca.pem")).await;
            assert_eq!(answer.shape(), unknown.shape(), "{name}");
        }
        stand.stop().await;
    });
}

#[test]
fn the_audit_is_searched_by_everything_and_exported() {
    run(async {
        let stand = Stand::start().await;
        let begin = stand.now();
        let lease = stand.caller("app-a").dsn("orders-reader").await["lease_id"].clone();
        stand.clock.advance(std::time::Duration::from_secs(10));
        let middle = stand.now();
        for _ in 0..3 {
            stand.caller("app-b").dsn("orders-request").await;
            stand.clock.advance(std::time::Duration::from_secs(1));
        }
        let operator = stand.caller("operator");
        let rfc =
            |time: dsn_broker::time::Timestamp| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let search = async |query: &str| {
            let body = operator.get(&format!("/v1/audit?{query}")).await.ok();
            body["events"].as_array().unwrap().clone()
        };
        for (query, count) in [
            ("action=lease.issued".to_owned(), 4),
            ("action=lease.issued&subject=app-b".to_owned(), 3),
            ("action=lease.delivered&role=orders-reader".to_owned(), 1),
            (format!("lease={}", lease.as_str().unwrap()), 2),
            (format!("action=lease.issued&since={}", rfc(middle)), 3),
            (format!("action=lease.issued&since={}&until={}", rfc(begin), rfc(middle)), 1),
            ("action=lease.issued&issuer=cluster".to_owned(), 4),
            ("issuer=nobody".to_owned(), 0),
        ] {
            let found = search(&query).await;
            assert_eq!(found.len(), count, "{query}: {found:?}");
        }
        let (mut paged, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = operator.get(&format!("/v1/audit?subject=app-b&limit=2{cursor}")).await.ok();
            paged.extend(page["events"].as_array().unwrap().clone());
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged, search("subject=app-b&limit=1000").await);
        assert_eq!(paged.len(), 6);
        let export = operator.get_as("/v1/audit?subject=app-b", "application/x-ndjson").await;
        assert_eq!(export.headers["content-type"], "application/x-ndjson");
        let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, paged);
        assert!(search("action=audit.read&subject=operator").await.len() > 5, "reading is on record");
        stand.stop().await;
    });
}
