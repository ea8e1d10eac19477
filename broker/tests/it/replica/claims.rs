//! What one replica does, another knows of and does not do again.

use std::time::Duration;

use dsn_broker::entropy::SystemEntropy;
use dsn_broker::id::{ClaimToken, LeaseId};
use dsn_broker::ledger::{Change, Entry, Fence, Refused};
use dsn_broker::model::{Action, Event, Reason};
use dsn_broker::time::Clock;
use futures_util::future::join_all;

use crate::stand::{Stand, psql, run};

#[test]
fn a_revocation_at_one_replica_reaches_the_copy_of_the_other() {
    run(async {
        let here = Stand::start().await;
        let there = here.replica().await;
        let answer = here.caller("app-orders").dsn("orders-reader").await;
        let copied = there.caller("app-orders").dsn("orders-reader").await;
        assert_eq!(copied["lease_id"], answer["lease_id"]);
        let lease = answer["lease_id"].as_str().unwrap();
        here.caller("app-orders").delete(&format!("/v1/leases/{lease}")).await.ok();
        let next = there.caller("app-orders").dsn("orders-reader").await;
        assert_ne!(next["lease_id"], answer["lease_id"]);
        assert!(psql(next["dsn"].as_str().unwrap(), "select 1").await.ok);
        let same = here.caller("app-orders").dsn("orders-reader").await;
        assert_eq!(same["lease_id"], next["lease_id"], "and its successor is for both");
        there.stop().await;
        here.stop().await;
    });
}

#[test]
fn two_reapers_end_each_lease_once() {
    run(async {
        let here = Stand::with(|config| config["roles"]["orders-request"]["drain"] = "0s".into()).await;
        let there = here.replica().await;
        let caller = here.caller("app-orders");
        join_all((0..100).map(|_| caller.dsn("orders-request"))).await;
        assert_eq!(here.users().await.len(), 100);
        here.clock.advance(Duration::from_secs(3600));
        here.until_users(0).await;
        here.until(|| async {
            let left = here.at_ledger("select count(*) from leases where state <> 'revoked'").await;
            if left == "0" { Ok(()) } else { Err(left) }
        })
        .await;
        let told = "select count(*) || ' ' || count(distinct lease) from audit_events where action = 'lease.revoked'";
        assert_eq!(here.at_ledger(told).await, "100 100");
        let shared = "select count(distinct stream) from audit_events where action = 'lease.revoked'";
        assert_eq!(here.at_ledger(shared).await, "2", "both worked");
        there.stop().await;
        here.stop().await;
    });
}

#[test]
fn a_claim_that_ran_out_and_was_taken_over_records_nothing_any_more() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let id: LeaseId = answer["lease_id"].as_str().unwrap().parse().unwrap();
        let ledger = &stand.app.broker.ledger;
        let now = stand.clock.now();
        let hold = Duration::from_secs(60);
        let token = || ClaimToken::new(now, &SystemEntropy);
        let first = ledger.claim(id, token(), now, hold).await.unwrap().unwrap();
        assert!(ledger.claim(id, token(), now, hold).await.unwrap().is_none(), "it is taken");
        let later = now + hold;
        let second = ledger.claim(id, token(), later, hold).await.unwrap().unwrap();
        let end = |claimed: &dsn_broker::ledger::Claimed| {
            let to = claimed.lease.clone().end(later, Reason::Expired).unwrap();
            let event = Event::new(later, Action::LeaseRevoked).about(&to);
            let change = Change::Move { to: Box::new(to), fence: Fence::Claim(claimed.token) };
            ledger.write(Entry::change(change, [event]))
        };
        assert_eq!(end(&first).await.unwrap(), Err(Refused::Superseded));
        let defer = Change::Defer { lease: id, claim: first.token, due_at: later, error: "late".to_owned() };
        assert_eq!(ledger.write(Entry::change(defer, [])).await.unwrap(), Err(Refused::Superseded));
        assert_eq!(end(&second).await.unwrap(), Ok(()));
        assert_eq!(end(&second).await.unwrap(), Err(Refused::Superseded), "not twice");
        assert_eq!(stand.count("lease.revoked").await, 1);
        stand.stop().await;
    });
}
