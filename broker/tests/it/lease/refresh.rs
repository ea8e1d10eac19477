//! The second half of a lease's life: a successor is made, and both are good.

use std::collections::HashSet;
use std::time::Duration;

use dsn_broker::time::Clock;

use super::{text, time};
use crate::stand::{Stand, psql, run};

#[test]
fn before_its_time_the_same_lease_is_handed_out_and_after_it_a_successor_while_the_old_one_works() {
    run(async {
        let stand = Stand::with(|config| config["roles"]["orders-reader"]["drain"] = "0s".into()).await;
        let old = stand.caller("app-orders").dsn("orders-reader").await;
        let half = (time(&old, "refresh_after") - stand.clock.now()).to_std().unwrap();
        stand.clock.advance(half - Duration::from_micros(1));
        let same = stand.caller("app-orders").dsn("orders-reader").await;
        assert_eq!(same["lease_id"], old["lease_id"]);
        stand.clock.advance(Duration::from_micros(1));
        let new = stand.caller("app-orders").dsn("orders-reader").await;
        assert_ne!(new["lease_id"], old["lease_id"]);
        assert_eq!(stand.users().await.len(), 2, "two overlap");
        for answer in [&old, &new] {
            assert!(psql(text(answer, "dsn"), "select count(*) from app.orders").await.ok);
        }
        let next = stand.caller("app-orders").dsn("orders-reader").await;
        assert_eq!(next["lease_id"], new["lease_id"], "the successor is for all who come later");
        let left = (time(&old, "expires_at") - stand.clock.now()).to_std().unwrap();
        stand.clock.advance(left);
        stand.until_users(1).await;
        assert!(psql(text(&new, "dsn"), "select 1").await.ok);
        stand.stop().await;
    });
}

#[test]
fn a_lease_lives_as_long_as_it_says_and_is_refreshed_at_a_time_of_its_own() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let mut shares = HashSet::new();
        for _ in 0..12 {
            let answer = caller.dsn("orders-request").await;
            let issued = time(&answer, "issued_at");
            assert_eq!(issued, stand.clock.now());
            assert_eq!(time(&answer, "expires_at") - issued, chrono::TimeDelta::hours(1));
            assert_eq!(time(&answer, "max_expires_at") - issued, chrono::TimeDelta::hours(4));
            let until_refresh = (time(&answer, "refresh_after") - issued).as_seconds_f64();
            assert!((0.4 * 3600.0..=0.5 * 3600.0).contains(&until_refresh), "{until_refresh}");
            shares.insert(time(&answer, "refresh_after"));
        }
        assert!(shares.len() > 6, "they are spread: {shares:?}");
        stand.stop().await;
    });
}

#[test]
fn a_lease_of_the_callers_own_ttl_lives_that_long() {
    run(async {
        let stand = Stand::with(|config| config["roles"]["orders-reader"]["drain"] = "0s".into()).await;
        let body = serde_json::json!({ "ttl": "10s", "ca_file": stand.settings.ca_path });
        let answer = stand.caller("app-orders").post("/v1/dsn/orders-reader", &body).await.ok();
        assert_eq!((time(&answer, "expires_at") - stand.clock.now()).num_seconds(), 10);
        assert_eq!(answer["shared"], false);
        stand.clock.advance(Duration::from_secs(9));
        assert!(psql(text(&answer, "dsn"), "select 1").await.ok);
        stand.clock.advance(Duration::from_secs(1));
        stand.until_users(0).await;
        stand.stop().await;
    });
}
