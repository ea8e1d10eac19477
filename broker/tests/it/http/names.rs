//! Names that callers bring along, on their way into the log, the record and the database.

use reqwest::Method;
use serde_json::Value;

use super::{assert_invalid, assert_problem};
use crate::stand::{Answer, Stand, log, psql, run};

/// Subjects that are unusual, and allowed: without control characters, up to 512 characters.
fn subjects() -> Vec<String> {
    let wide: String = ('\u{20000}'..).take(508).collect();
    let mut all: Vec<String> = [
        "app-'; drop table leases; --",
        "app-$$; drop role postgres; $$",
        "app-\" superuser --",
        r"app-\'; select 1; \",
        "app-%s%n%00%0d%0a",
        "app-{\"status\":200}",
        "app-${jndi:ldap://x}{{7*7}}$(id)`id`",
        "app-<script>alert(1)</script>",
        "app-\u{202e}\u{2028}\u{2029}\u{feff}\u{fffd}",
        "app-/../../etc/passwd",
        "app-null",
        "app- ",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("app-{wide}"));
    all
}

#[test]
fn an_unusual_subject_is_served_and_is_on_record_as_it_is() {
    run(async {
        let stand = Stand::start().await;
        for (number, subject) in subjects().into_iter().enumerate() {
            let id = format!("{}-{number}", stand.settings.ledger);
            let caller = stand.caller(&subject);
            for role in ["orders-reader", "orders-request"] {
                let request = caller.request(Method::GET, &caller.dsn_path(role)).header("x-request-id", &id);
                let answer = Answer::of(request).await.ok();
                let user = answer["parameters"]["user"].as_str().unwrap();
                assert!(user.len() <= 32, "{user}");
                assert!(
                    user.bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
                );
                assert!(psql(answer["dsn"].as_str().unwrap(), "select 1").await.ok, "{subject}");
            }
            let lines = log::of_request(&id);
            assert!(
                lines.len() == 2 && lines.iter().all(|line| line["subject"] == subject.as_str()),
                "{lines:?}"
            );
            for table in ["leases", "audit_events"] {
                let query = format!("select count(*) >= 2 from {table} where subject = $odd${subject}$odd$");
                assert_eq!(stand.at_ledger(&query).await, "t", "{table}: {subject}");
            }
            assert_eq!(caller.get("/v1/whoami").await.ok()["subject"], subject.as_str());
            let found: Vec<Value> =
                serde_json::from_value(caller.get("/v1/leases").await.ok()["leases"].clone()).unwrap();
            assert_eq!(found.len(), 2, "{subject}");
        }
        assert_eq!(stand.stop().await.flaws().await, [""; 0]);
    });
}

#[test]
fn unusual_names_in_requests_end_nowhere_but_in_their_refusal() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        for odd in ["'; drop table leases; --", "a\tb", "ä", "a b", "", &"x".repeat(129)] {
            let value = reqwest::header::HeaderValue::from_bytes(odd.as_bytes()).unwrap();
            let request =
                caller.request(Method::GET, "/v1/dsn/orders-instance").header("dsn-instance", value);
            assert_problem(&Answer::of(request).await, "invalid-request");
        }
        for instance in ["';drop/**/table/**/leases;--", "$(id)", "../..", "\"", "%00"] {
            let path = caller.dsn_path("orders-instance");
            let request = caller.request(Method::GET, &path).header("dsn-instance", instance);
            let answer = Answer::of(request).await.ok();
            assert!(psql(answer["dsn"].as_str().unwrap(), "select 1").await.ok, "{instance}");
        }
        for (query, field) in [
            ("format=%27%3B--", "format"),
            ("endpoint=%00", "endpoint"),
            ("endpoint=..%2f", "endpoint"),
            ("ca_file=relative", "ca_file"),
            ("ca_file=%2fa%00b", "ca_file"),
            ("ca_file=%2fa%0ab", "ca_file"),
        ] {
            let answer = caller.get(&format!("/v1/dsn/orders-reader?{query}")).await;
            assert_invalid(&answer, field, "");
            assert!(!answer.text.contains(char::is_control), "{}", answer.text);
        }
        assert_eq!(stand.users().await.len(), 5, "for the five instances");
        stand.stop().await;
    });
}
