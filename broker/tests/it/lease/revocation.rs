//! What was revoked is not delivered, whatever a cache still holds.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::cmd;

use super::text;
use crate::stand::{Stand, psql, run, world};

async fn redis() -> MultiplexedConnection {
    let redis = world().await.redis();
    let root_cert = Some(std::fs::read(redis.ca_path()).unwrap());
    let certificates = redis::TlsCertificates { client_tls: None, root_cert };
    let client = redis::Client::build_with_tls(redis.url(), certificates).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

#[test]
fn a_revoked_lease_that_is_back_in_redis_is_refused_by_the_ledger() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let prefix = stand.settings.config["cache"]["redis"]["prefix"].as_str().unwrap();
        let key = stand.at_ledger("select cache_key from leases").await;
        let place = format!("{prefix}entry:{key}");
        let mut redis = redis().await;
        let entry: HashMap<String, Vec<u8>> =
            cmd("HGETALL").arg(&place).query_async(&mut redis).await.unwrap();
        assert_eq!(entry["lease"], text(&answer, "lease_id").as_bytes());
        stand.caller("app-orders").delete(&format!("/v1/leases/{}", text(&answer, "lease_id"))).await.ok();
        // As if Redis had failed over and lost its last writes; to a replica that did not hear of it.
        let replica = stand.replica().await;
        let mut put = cmd("HSET");
        put.arg(&place);
        for (name, value) in &entry {
            put.arg(name).arg(value);
        }
        put.query_async::<()>(&mut redis).await.unwrap();
        let next = replica.caller("app-orders").dsn("orders-reader").await;
        assert_ne!(next["lease_id"], answer["lease_id"]);
        assert!(psql(text(&next, "dsn"), "select 1").await.ok);
        let deliveries = format!(
            "select count(*) from audit_events where action = 'lease.delivered' and lease = '{}'",
            text(&answer, "lease_id")
        );
        assert_eq!(stand.at_ledger(&deliveries).await, "1", "the one before its revocation");
        replica.stop().await;
        stand.stop().await;
    });
}

#[test]
fn an_incident_ends_all_that_matches_and_nothing_else() {
    run(async {
        let stand = Stand::start().await;
        for subject in ["app-a", "app-b"] {
            for role in ["orders-reader", "orders-request", "orders-request"] {
                stand.caller(subject).dsn(role).await;
            }
        }
        let incident =
            serde_json::json!({ "subject": "app-a", "role": "orders-request", "reason": "leaked" });
        let answer = stand.caller("operator").post("/v1/revocations", &incident).await.ok();
        assert_eq!(answer["revoked"], 2);
        stand.until_users(4).await;
        let left = "select string_agg(subject || ' ' || role, ', ' order by subject, role) from \
                    (select distinct subject, role from leases where due_at is not null) live";
        // What the database has lost is on record a moment later.
        stand
            .until(|| async {
                let left = stand.at_ledger(left).await;
                match left == "app-a orders-reader, app-b orders-reader, app-b orders-request" {
                    true => Ok(()),
                    false => Err(left),
                }
            })
            .await;
        let why = "select distinct reason from leases where due_at is null";
        assert_eq!(stand.at_ledger(why).await, "incident");
        stand.stop().await;
    });
}
