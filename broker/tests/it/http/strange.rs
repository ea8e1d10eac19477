//! Queries and bodies that no client would send: each is understood or refused, and nothing of ours fails.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use super::assert_problem;
use crate::stand::{Answer, Caller, Stand, run};

/// How many requests of each sort are sent.
const REQUESTS: usize = 150;

#[test]
fn strange_queries_and_bodies_are_understood_or_refused() {
    run(async {
        let stand = Stand::start().await;
        let (operator, caller) = (stand.caller("operator"), stand.caller("app-orders"));
        for _ in 0..2 {
            caller.dsn("orders-request").await;
        }
        let mut chance = TestRunner::default();
        let cursors = [cursor(&operator, "/v1/leases").await, cursor(&operator, "/v1/audit").await];
        let mut statuses = [0; 2];
        for number in 0..REQUESTS {
            let query = sample(&queries(cursors.clone()), &mut chance);
            for path in ["/v1/leases", "/v1/audit"] {
                statuses[judged(&operator.get(&format!("{path}?{query}")).await)] += 1;
            }
            let query = sample(&queries(cursors.clone()), &mut chance);
            statuses[judged(&caller.get(&format!("/v1/dsn/orders-reader?{query}")).await)] += 1;
            let path = ["/v1/dsn/orders-reader", "/v1/revocations"][number % 2];
            let body = sample(&bodies(), &mut chance);
            let request = if number % 2 == 0 { &caller } else { &operator }.request(Method::POST, path);
            let request = request.header("content-type", "application/json").body(body);
            statuses[judged(&Answer::of(request).await)] += 1;
        }
        assert!(statuses.iter().all(|count| *count > 20), "one of both hardly happens: {statuses:?}");
        stand.stop().await;
    });
}

#[test]
fn a_ca_file_is_handed_back_as_it_was_given_or_refused() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let mut chance = TestRunner::default();
        for _ in 0..REQUESTS {
            let file = sample(&"/?\\PC{0,20}|(?s)/.{0,20}|/ca[ .%+&#?]{1,6}", &mut chance);
            let answer = caller.post("/v1/dsn/orders-reader", &json!({ "ca_file": file })).await;
            if judged(&answer) == 0 {
                assert_eq!(answer.json()["parameters"]["sslrootcert"], file);
                assert!(file.starts_with('/') && !file.chars().any(char::is_control), "{file:?}");
            }
        }
        stand.stop().await;
    });
}

/// 0 for an answer, 1 for a refusal that names the field.
#[track_caller]
fn judged(answer: &Answer) -> usize {
    match answer.status.as_u16() {
        200 => 0,
        400 => {
            assert_problem(answer, "invalid-request");
            assert!(answer.json()["field"].is_string(), "{}", answer.text);
            1
        }
        other => panic!("{other}: {}", answer.text),
    }
}

/// The cursor of a second page.
async fn cursor(operator: &Caller<'_>, path: &str) -> String {
    let page = operator.get(&format!("{path}?limit=1")).await.ok();
    page["next"].as_str().unwrap().to_owned()
}

fn queries(cursors: [String; 2]) -> impl Strategy<Value = String> {
    let names = [
        "issuer", "subject", "role", "database", "state", "cursor", "limit", "since", "until", "lease",
        "action", "format", "endpoint", "ca_file", "fresh", "nothing",
    ];
    let cut = (prop::sample::select(cursors.to_vec()), 0_usize..80, "[0-9_a-f-]{0,3}")
        .prop_map(|(cursor, at, more)| format!("{}{more}", &cursor[..at.min(cursor.len())]));
    let value = prop_oneof![
        r"\PC{0,12}",
        "(?s).{0,8}",
        "-?[0-9]{1,20}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:00:00(Z|[+]99:99)",
        "active|cluster|uri|json|lease.issued|primary|/ca.pem",
        cut,
    ]
    .prop_map(|value| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>());
    // What is not encoded, or not rightly.
    let raw = prop_oneof![4 => value, 1 => "[a-z0-9%+=&;.]{0,10}", 1 => "%(ff|00|c3|zz|4)"];
    let pairs = prop::collection::vec((prop::sample::select(names.to_vec()), raw), 0..3);
    pairs.prop_map(|pairs| {
        pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    })
}

/// JSON objects of names that are known and values that may not be, and what is no JSON.
fn bodies() -> impl Strategy<Value = String> {
    let names = ["format", "endpoint", "ca_file", "ttl", "fresh", "subject", "role", "reason", "nothing"];
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(?s).{0,12}".prop_map(Value::from),
        "[0-9]{1,20}(ms|s|m|h|d)|uri|json|primary|/ca.pem|test".prop_map(Value::from),
        Just(json!(["a"])),
        Just(json!({ "a": 1 })),
    ];
    let object = prop::collection::btree_map(prop::sample::select(names.to_vec()), value, 0..4)
        .prop_map(|object| json!(object).to_string());
    prop_oneof![6 => object, 1 => "(?s).{1,20}", 1 => Just("{\"a\":".repeat(2_000)), 1 => Just("[".repeat(9_000))]
}

fn sample<S: Strategy>(strategy: &S, chance: &mut TestRunner) -> S::Value {
    strategy.new_tree(chance).unwrap().current()
}
