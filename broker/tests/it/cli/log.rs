//! What a running broker logs.

use serde_json::{Value, json};

use super::program::settings;
use crate::stand::{Answer, Process, run};

#[test]
fn each_request_is_one_json_line_without_any_secret() {
    run(async {
        let mut settings = settings().await;
        settings.config["server"]["log"] = json!("json");
        let served = Process::ready(settings).await;
        let from = served.lines();
        let dsn = served.get("app-a", &served.dsn("orders-reader")).await;
        served.get("app-a", &served.dsn("orders-unbound")).await;
        let forged =
            served.client.clone().get(format!("{}/v1/whoami", served.url)).header("x-request-id", "mine-1");
        Answer::of(forged.bearer_auth("forged.token.here")).await;
        served.said(from, |line| line["request.id"] == "mine-1").await;

        let log = served.log();
        let lines: Vec<Value> = log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
        let of = |line: &Value| {
            let text = |key: &str| line[key].as_str().unwrap().to_owned();
            assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
            (
                line["status"].as_u64().unwrap(),
                text("method"),
                text("route"),
                text("issuer"),
                text("subject"),
                text("problem"),
            )
        };
        let expected = |status, route: &str, issuer: &str, subject: &str, problem: &str| {
            (
                status,
                "GET".to_owned(),
                route.to_owned(),
                issuer.to_owned(),
                subject.to_owned(),
                problem.to_owned(),
            )
        };
        let of: Vec<_> = requests.iter().map(|line| of(line)).collect();
        assert_eq!(
            of,
            [
                expected(200, "/v1/dsn/{role}", "cluster", "app-a", ""),
                expected(403, "/v1/dsn/{role}", "cluster", "app-a", "forbidden"),
                expected(401, "/v1/whoami", "", "", "unauthenticated"),
            ]
        );
        let ids: Vec<_> = requests.iter().map(|line| line["request.id"].as_str().unwrap()).collect();
        assert_eq!(ids[0], dsn.headers["x-request-id"]);
        assert_eq!(ids[2], "mine-1");

        let (whole, token) = (log.join("\n"), served.settings.token("app-a", chrono_now()));
        let password = dsn.ok()["parameters"]["password"].as_str().unwrap().to_owned();
        for secret in [password.as_str(), "forged.token.here", token.split('.').next().unwrap()] {
            assert!(!whole.contains(secret), "{whole}");
        }
    });
}

fn chrono_now() -> dsn_broker::time::Timestamp {
    dsn_broker::time::Clock::now(&dsn_broker::time::SystemClock)
}
