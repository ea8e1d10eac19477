//! Passwords that are rotated: one is handed out, the one before stays good for as long as was promised.

mod admin;
mod crash;
mod load;
mod pair;

use std::time::Duration;

use dsn_broker::time::Timestamp;
use serde_json::{Value, json};

use crate::stand::{Settings, Stand, psql, unique, world};

const HOUR: Duration = Duration::from_secs(3600);

/// The usual configuration with a role `orders-rotated`, whose two users are there and nobody knows their passwords.
async fn settings(rotate: Value) -> (Settings, [String; 2]) {
    let mut settings = Settings::new(world().await, &unique()).await;
    let users = pair(&settings).await;
    let credential = json!({ "kind": "rotated_password", "users": users, "rotate": rotate });
    settings.merge(&json!({
        "roles": { "orders-rotated": { "database": "orders", "credential": credential, "ttl": "1h" } },
        "bindings": [{
            "workloads": { "issuer": "cluster", "subject": "app-*" },
            "roles": ["orders-rotated", "orders-reader"],
        }],
        "operators": [{
            "workloads": { "issuer": "cluster", "subject": "operator" },
            "may": ["leases", "revoke", "rotate"],
        }],
    }));
    (settings, users)
}

/// Two users for a role of this configuration.
pub(crate) async fn pair(settings: &Settings) -> [String; 2] {
    let users = ["a", "b"].map(|which| format!("pair_{}_{which}", settings.target));
    for user in &users {
        let sql = format!(
            "create role {user} login in role orders_ro; grant {user} to broker_admin with admin option"
        );
        settings.world.orders().execute(&settings.target, &sql).await.unwrap();
    }
    users
}

async fn stand(rotate: Value) -> (Stand, [String; 2]) {
    let (settings, users) = settings(rotate).await;
    (Stand::on(settings).await, users)
}

async fn fetch(stand: &Stand) -> Value {
    stand.caller("app-orders").dsn("orders-rotated").await
}

fn user(answer: &Value) -> &str {
    answer["parameters"]["user"].as_str().unwrap()
}

fn time(answer: &Value, which: &str) -> Timestamp {
    answer[which].as_str().unwrap().parse().unwrap()
}

/// Whether the DSN lets in, into what it should.
async fn works(answer: &Value) -> bool {
    let outcome =
        psql(answer["dsn"].as_str().unwrap(), "select current_user, count(*) from app.orders").await;
    assert!(outcome.ok || outcome.stderr.contains("password authentication failed"), "{}", outcome.stderr);
    outcome.ok
}

async fn rotate(stand: &Stand) -> crate::stand::Answer {
    stand.caller("operator").post("/v1/databases/orders/rotate", &json!({ "role": "orders-rotated" })).await
}

async fn until_state(stand: &Stand, answer: &Value, state: &str) {
    let query = format!("select state from leases where id = '{}'", answer["lease_id"].as_str().unwrap());
    stand
        .until(|| async {
            let present = stand.at_ledger(&query).await;
            if present == state { Ok(()) } else { Err(present) }
        })
        .await;
}
