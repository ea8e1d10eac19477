//! The search for users that no lease accounts for.

use std::time::Duration;

use serde_json::json;

use crate::stand::{Stand, run};

async fn stand(mode: &str) -> (Stand, String) {
    let stand = Stand::with(|config| {
        config["databases"]["orders"]["sweep"] = json!({ "mode": mode, "every": "1m" });
    })
    .await;
    let tag = stand.at_ledger("select tag from installation").await;
    (stand, tag)
}

/// Makes a user behind the broker's back, as the broker's own user would.
async fn make(stand: &Stand, name: &str) {
    stand.at_target(&format!("set role broker_admin; create role {name} login")).await;
}

async fn is_there(stand: &Stand, name: &str) -> bool {
    stand.at_target(&format!("select count(*) from pg_roles where rolname = '{name}'")).await == "1"
}

/// Pushes the clock until the search has come upon something.
async fn until_told(stand: &Stand, action: &str, count: usize) {
    stand
        .until(|| async {
            stand.clock.advance(Duration::from_secs(20));
            let told = stand.count(action).await;
            if told >= count { Ok(()) } else { Err(format!("{told} {action}")) }
        })
        .await;
}

#[test]
fn an_orphan_is_reported_once_and_left_alone() {
    run(async {
        let (stand, tag) = stand("report").await;
        stand.caller("app-orders").dsn("orders-reader").await;
        let orphan = format!("dsn_{tag}_lost");
        make(&stand, &orphan).await;
        until_told(&stand, "orphan.found", 1).await;
        let told = "select database || ' ' || detail from audit_events where action = 'orphan.found'";
        assert_eq!(stand.at_ledger(told).await, format!(r#"orders {{"username":"{orphan}"}}"#));
        assert_eq!(stand.sweep("orders").await, [orphan.as_str()], "it is still there");
        assert_eq!(stand.count("orphan.found").await, 1, "and is not told of twice");
        let shown = stand.caller("operator").get("/v1/databases/orders").await.ok();
        assert_eq!(shown["orphans_found"], json!([orphan]));
        assert_eq!(stand.metric(r#"dsn_broker_orphans{database="orders"}"#).await, Some(1.0));
        assert_eq!(stand.users().await.len(), 2);
        stand.at_target(&format!("drop role {orphan}")).await;
        assert_eq!(stand.sweep("orders").await, [""; 0]);
        assert_eq!(stand.metric(r#"dsn_broker_orphans{database="orders"}"#).await, Some(0.0));
        stand.stop().await;
    });
}

#[test]
fn orphans_are_removed_where_the_configuration_says_so_and_nobody_else_is() {
    run(async {
        let (stand, tag) = stand("remove").await;
        let caller = stand.caller("app-orders");
        caller.dsn("orders-reader").await;
        caller.dsn("orders-request").await;
        let pending = "update leases set state = 'pending', issued_at = null, refresh_after = null, \
                              due_at = issued_at + interval '1 day', expires_at = null, max_expires_at = null \
                        where role = 'orders-request'";
        stand.at_ledger(pending).await;
        // Another installation's tag differs from ours in one character.
        let other = if tag.ends_with('0') { tag.replace('0', "1") } else { tag[..5].to_owned() + "0" };
        let (first, second, foreign) =
            (format!("dsn_{tag}_a"), format!("dsn_{tag}_b"), format!("dsn_{other}_a"));
        let held = format!("dsn_{tag}_0");
        stand.at_target(&format!("create role {held} superuser")).await;
        for name in [&first, &second, &foreign] {
            make(&stand, name).await;
        }
        until_told(&stand, "orphan.removed", 2).await;
        assert!(!is_there(&stand, &first).await && !is_there(&stand, &second).await);
        assert!(is_there(&stand, &foreign).await, "another installation's");
        let told = "select string_agg(detail::json ->> 'username', ' ' order by detail) from audit_events \
                    where action = 'orphan.removed'";
        assert_eq!(stand.at_ledger(told).await, format!("{first} {second}"));
        // Who cannot be removed keeps none of the others, and is shown.
        let shown = stand.caller("operator").get("/v1/databases/orders").await.ok();
        assert_eq!(shown["orphans_found"], json!([held]));
        stand.at_target(&format!("drop role {held}; drop role {foreign}")).await;
        assert_eq!(stand.sweep("orders").await, [""; 0]);
        assert_eq!(stand.users().await.len(), 2, "the active and the pending one are left");
        stand.stop().await;
    });
}
