//! Renewing a lease.

use std::time::Duration;

use dsn_broker::time::Clock;
use serde_json::json;

use super::{text, time};
use crate::stand::{Settings, Stand, Target, psql, run, unique, world};

const VALID: &str = "select round(extract(epoch from rolvaliduntil - now())) from pg_roles where rolname = ";

#[test]
fn a_renewed_lease_lives_on_in_the_database_the_ledger_and_the_cache() {
    run(async {
        let stand = Stand::with(|config| config["roles"]["orders-reader"]["drain"] = "0s".into()).await;
        let first = stand.caller("app-orders").dsn("orders-reader").await;
        let renew = format!("/v1/leases/{}/renew", text(&first, "lease_id"));
        stand.clock.advance(Duration::from_secs(1200));
        let renewed = stand.caller("app-orders").post(&renew, &json!({})).await.ok();
        assert_eq!(time(&renewed, "expires_at") - stand.clock.now(), chrono::TimeDelta::hours(1));
        let user = first["parameters"]["user"].as_str().unwrap();
        let valid: i64 = stand.at_target(&format!("{VALID}'{user}'")).await.parse().unwrap();
        assert!((3640..=3661).contains(&valid), "by the database's clock, and a grace: {valid} s");
        let shared = stand.caller("app-orders").dsn("orders-reader").await;
        assert_eq!(shared["lease_id"], first["lease_id"]);
        for name in ["expires_at", "refresh_after"] {
            assert_eq!(shared[name], renewed[name], "those who share it see its new {name}");
        }
        stand.clock.advance(Duration::from_secs(2500));
        assert!(psql(text(&first, "dsn"), "select 1").await.ok, "past its first end");
        assert_eq!(stand.at_ledger("select state from leases").await, "active");
        stand.clock.advance(Duration::from_secs(1100));
        stand.until_users(0).await;
        assert_eq!(stand.count("lease.renewed").await, 1);
        stand.stop().await;
    });
}

#[test]
fn a_lease_is_renewed_up_to_its_maximum_and_no_further() {
    run(async {
        let stand = Stand::start().await;
        let first = stand.caller("app-orders").dsn("orders-request").await;
        let renew = format!("/v1/leases/{}/renew", text(&first, "lease_id"));
        let too_long = stand.caller("app-orders").post(&renew, &json!({ "ttl": "4h1s" })).await;
        assert_eq!(too_long.problem(), "invalid-request", "{}", too_long.text);
        let shorter = stand.caller("app-orders").post(&renew, &json!({ "ttl": "30m" })).await;
        assert_eq!(shorter.problem(), "invalid-request", "{}", shorter.text);
        let longest = stand.caller("app-orders").post(&renew, &json!({ "ttl": "4h" })).await.ok();
        assert_eq!(longest["expires_at"], first["max_expires_at"]);
        let again = stand.caller("app-orders").post(&renew, &json!({})).await;
        assert_eq!(again.problem(), "lease-not-renewable", "{}", again.text);
        stand.clock.advance(Duration::from_secs(4 * 3600));
        stand.clock.advance(Duration::from_secs(31));
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(31));
                let users = stand.users().await;
                if users.is_empty() { Ok(()) } else { Err(format!("{users:?}")) }
            })
            .await;
        let over = stand.caller("app-orders").post(&renew, &json!({})).await;
        assert_eq!(over.problem(), "lease-not-renewable", "{}", over.text);
        stand.stop().await;
    });
}

#[test]
fn a_renewal_that_a_revocation_overtakes_hears_that_the_lease_is_ending() {
    run(async {
        let target = Target::start().await;
        let mut settings = Settings::new(world().await, &unique()).await;
        settings.config["databases"]["orders"] = target.config(&settings);
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-orders");
        let answer = caller.dsn("orders-request").await;
        let lease = text(&answer, "lease_id");
        let user = answer["parameters"]["user"].as_str().unwrap();
        let becomes = async |column: &str, wanted: &str| {
            let query = format!("select {column} from leases");
            let look = || async {
                let found = stand.at_ledger(&query).await;
                if found == wanted { Ok(()) } else { Err(found) }
            };
            stand.until(look).await;
        };
        stand.clock.advance(Duration::from_secs(1200));
        // The revocation comes while the renewal waits for the database, and is faster there.
        target.server.execute("postgres", &format!("drop role {user}")).await.unwrap();
        target.server.pause().await.unwrap();
        let renew = async { caller.post(&format!("/v1/leases/{lease}/renew"), &json!({})).await };
        let revoke = async {
            becomes("claim is not null", "t").await;
            caller.delete(&format!("/v1/leases/{lease}")).await.ok();
        };
        let resume = async {
            becomes("state", "draining").await;
            target.server.resume().await.unwrap();
        };
        let (renewed, (), ()) = tokio::join!(renew, revoke, resume);
        assert_eq!(renewed.problem(), "lease-not-renewable", "{}", renewed.text);
        becomes("state", "revoked").await;
        stand.stop().await;
        target.server.end().await.unwrap();
    });
}
