//! Leases that never came to life.

use std::time::Duration;

use crate::stand::{Stand, run};

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
