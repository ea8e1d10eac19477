//! Whatever is left behind is found and ended.

use std::time::Duration;

use dsn_broker::broker::failpoint::POINTS;
use dsn_broker::time::{Clock, ManualClock, SystemClock};
use reqwest::Method;
use serde_json::json;

use super::{settings, text, users};
use crate::stand::{Process, Stand, run};

#[test]
fn a_user_without_a_lease_is_found_and_removed() {
    run(async {
        let (mut settings, server) = settings().await;
        settings.config["databases"]["shop"]["sweep"] = json!({ "mode": "report", "every": "1m" });
        let stand = Stand::on(settings).await;
        stand.caller("app-shop").dsn("shop-writer").await;
        let tag = stand.at_ledger("select tag from installation").await;
        let orphan = format!("dsn_{tag}_lost");
        server.execute("", &format!("create user {orphan}")).await.unwrap();
        assert_eq!(stand.sweep("shop").await, [orphan.as_str()]);
        let shown = stand.caller("operator").get("/v1/databases/shop").await.ok();
        assert_eq!(shown["orphans_found"], json!([orphan]));
        server.execute("", &format!("drop user {orphan}")).await.unwrap();
        assert_eq!(stand.sweep("shop").await, [""; 0]);
        assert_eq!(users(&stand, server).await.len(), 1);
        stand.stop().await;
    });
}

#[test]
fn a_process_that_dies_leaves_nothing_behind() {
    run(async {
        for point in ["mint.pending", "mint.created", "end.disabled", "end.removed"] {
            assert!(POINTS.contains(&point), "{point}");
            let (settings, server) = settings().await;
            settings.migrate().await;
            let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
            let proof = process.token("app-shop");
            let first = process.call(Method::GET, &process.dsn("shop-writer"), &proof).await;
            assert_eq!(first.is_ok(), point.starts_with("end."), "{point}: {first:?}");
            if let Ok(answer) = &first {
                let lease = text(&answer.ok()["lease_id"]).to_owned();
                // Its time is over, and what is made next wakes the reaper; or else it is revoked.
                let over = format!("update leases set due_at = now() - interval '1s' where id = '{lease}'");
                process.settings.tamper(&over).await;
                let _ = process.call(Method::GET, &process.dsn("orders-request"), &proof).await;
                if point == "end.removed" {
                    let _ = process.call(Method::DELETE, &format!("/v1/leases/{lease}"), &proof).await;
                }
            }
            let (_, settings, _) = process.ended().await;
            // Past the deadline of what is pending, past every claim, and past the life of every lease.
            let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(8 * 3600));
            let stand = Stand::at(settings, clock).await;
            stand
                .until(|| async {
                    stand.clock.advance(Duration::from_secs(60));
                    let left = users(&stand, server).await;
                    let due = "select count(*) from leases where due_at is not null";
                    let due = stand.at_ledger(due).await;
                    if left.is_empty() && due == "0" {
                        Ok(())
                    } else {
                        Err(format!("{point}: {left:?} {due}"))
                    }
                })
                .await;
            let settings = stand.stop().await;
            assert_eq!(settings.flaws().await, [""; 0], "{point}");
        }
    });
}
