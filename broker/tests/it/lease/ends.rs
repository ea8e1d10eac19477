//! Leases that never came to life.

use std::time::Duration;

use crate::stand::{Stand, Target, run};

/// Takes the only lease back to where its credential is being made, for 50 more seconds.
async fn make_pending(stand: &Stand) {
    stand
        .at_ledger(
            "update leases set state = 'pending', issued_at = null, refresh_after = null, \
                    due_at = issued_at + interval '50 seconds', expires_at = null, max_expires_at = null",
        )
        .await;
}

#[test]
fn what_never_came_to_life_is_undone_at_its_deadline_and_not_before() {
    run(async {
        let stand = Stand::start().await;
        stand.caller("app-orders").dsn("orders-request").await;
        make_pending(&stand).await;
        stand.clock.advance(Duration::from_secs(49));
        assert_eq!(stand.sweep("orders").await, [""; 0], "it is accounted for");
        assert_eq!(stand.users().await.len(), 1);
        stand.clock.advance(Duration::from_secs(1));
        stand.until_users(0).await;
        stand
            .until(|| async {
                let state = stand.at_ledger("select state from leases").await;
                if state == "failed" { Ok(()) } else { Err(state) }
            })
            .await;
        assert_eq!(stand.count("lease.undone").await, 1);
        stand.stop().await;
    });
}

#[test]
fn an_operator_ends_what_is_only_being_made() {
    run(async {
        let stand = Stand::start().await;
        stand.caller("app-orders").dsn("orders-request").await;
        make_pending(&stand).await;
        let incident = serde_json::json!({ "database": "orders", "reason": "leaked" });
        let answer = stand.caller("operator").post("/v1/revocations", &incident).await.ok();
        assert_eq!(answer["revoked"], 1);
        stand.until_users(0).await;
        stand.stop().await;
    });
}

#[test]
fn who_asks_after_an_incident_undid_what_was_being_made_is_served_at_once() {
    run(async {
        let target = Target::start().await;
        let stand = Stand::on(target.settings().await).await;
        let slow = target.hold(Duration::from_secs(60)).await;
        let caller = stand.caller("app-orders");
        let path = caller.dsn_path("orders-reader");
        let incident = async {
            target.until_waited_for().await;
            let incident = serde_json::json!({ "role": "orders-reader", "reason": "leaked" });
            let revoked = stand.caller("operator").post("/v1/revocations", &incident).await.ok();
            target.release().await;
            revoked
        };
        let (first, second, revoked) = tokio::join!(caller.get(&path), caller.get(&path), incident);
        assert_eq!(revoked["revoked"], 1);
        assert!(!slow.await.unwrap().ok, "it was released");
        let (undone, served) = if first.status == 200 { (second, first) } else { (first, second) };
        assert_eq!(undone.problem(), "overloaded");
        let next = caller.dsn("orders-reader").await;
        assert_eq!(served.ok()["lease_id"], next["lease_id"]);
        assert_eq!(target.users().await.len(), 1, "what was undone is gone");
        stand.stop().await;
        target.server.end().await.unwrap();
    });
}
