//! However many ask at once, one credential is made.

use std::collections::HashSet;
use std::time::Duration;

use dsn_broker::time::{Clock, Timestamp};
use futures_util::future::join_all;
use serde_json::Value;

use crate::stand::{Stand, Target, run};

/// The answers that so many callers get who ask at once.
async fn at_once(stand: &Stand, subject: &str, count: usize) -> Vec<Value> {
    let caller = stand.caller(subject);
    join_all((0..count).map(|_| caller.dsn("orders-reader"))).await
}

fn leases(answers: &[Value]) -> HashSet<String> {
    answers.iter().map(|answer| answer["lease_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn two_hundred_callers_of_one_workload_make_one_user() {
    run(async {
        let stand = Stand::start().await;
        let answers = at_once(&stand, "app-orders", 200).await;
        assert_eq!(leases(&answers).len(), 1);
        assert_eq!(stand.users().await.len(), 1);
        assert_eq!(stand.count("lease.issued").await, 1);
        assert_eq!(stand.count("lease.delivered").await, 200);
        let other = at_once(&stand, "app-other", 20).await;
        assert!(leases(&other).is_disjoint(&leases(&answers)), "another workload has its own");
        assert_eq!(stand.users().await.len(), 2);
        stand.stop().await;
    });
}

#[test]
fn two_replicas_make_one_user_and_at_the_time_of_refresh_one_more() {
    run(async {
        let first = Stand::start().await;
        let second = first.replica().await;
        let both = async |count| {
            let (mut here, there) =
                tokio::join!(at_once(&first, "app-orders", count), at_once(&second, "app-orders", count));
            here.extend(there);
            here
        };
        let answers = both(100).await;
        assert_eq!(leases(&answers).len(), 1);
        assert_eq!(first.users().await.len(), 1);
        let refresh: Timestamp = answers[0]["refresh_after"].as_str().unwrap().parse().unwrap();
        first.clock.advance((refresh - first.clock.now()).to_std().unwrap());
        let old = leases(&answers);
        let answers = both(100).await;
        assert!(leases(&answers).len() <= 2, "the old one or the new one");
        // Who asks at a replica that still has a copy of the old one looks for the new one; soon all have it.
        first
            .until(|| async {
                let present = leases(&both(10).await);
                if present.len() == 1 && present.is_disjoint(&old) {
                    Ok(())
                } else {
                    Err(format!("{present:?}"))
                }
            })
            .await;
        assert_eq!(first.users().await.len(), 2);
        assert_eq!(first.count("lease.issued").await, 2, "one successor");
        second.stop().await;
        first.stop().await;
    });
}

#[test]
fn who_asks_while_a_successor_is_made_gets_the_present_one_without_waiting() {
    run(async {
        let target = Target::start().await;
        let stand = Stand::on(target.settings().await).await;
        let old = stand.caller("app-orders").dsn("orders-reader").await;
        stand.clock.advance(Duration::from_secs(1900));
        let slow = target.hold(Duration::from_secs(60)).await;
        let answers = at_once(&stand, "app-orders", 30).await;
        assert_eq!(leases(&answers), leases(std::slice::from_ref(&old)), "the present one is good");
        assert!(!slow.is_finished(), "the database was slow all the time");
        target.release().await;
        slow.await.unwrap();
        stand
            .until(|| async {
                let new = stand.caller("app-orders").dsn("orders-reader").await;
                if new["lease_id"] == old["lease_id"] { Err("still the old one".to_owned()) } else { Ok(()) }
            })
            .await;
        assert_eq!(stand.count("lease.issued").await, 2, "what was begun is finished, once");
        stand.stop().await;
        target.server.end().await.unwrap();
    });
}
