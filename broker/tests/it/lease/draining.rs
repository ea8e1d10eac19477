//! The end of a lease whose role lets sessions finish.

use std::time::Duration;

use super::text;
use crate::stand::{Stand, psql, run};

const SESSIONS: &str = "select count(*) from pg_stat_activity where query like '%pg_sleep%' and usename = ";

/// A session of the lease that goes on until it is ended.
async fn session(stand: &Stand, dsn: &str, user: &str) -> tokio::task::JoinHandle<crate::stand::Outcome> {
    let dsn = dsn.to_owned();
    let session = tokio::spawn(async move { psql(&dsn, "select pg_sleep(600)").await });
    let query = format!("{SESSIONS}'{user}'");
    stand
        .until(|| async {
            let count = stand.at_target(&query).await;
            if count == "1" { Ok(()) } else { Err(count) }
        })
        .await;
    session
}

async fn until_state(stand: &Stand, state: &str) {
    stand
        .until(|| async {
            let present = stand.at_ledger("select state from leases").await;
            if present == state { Ok(()) } else { Err(present) }
        })
        .await;
}

#[test]
fn at_its_end_nobody_logs_in_any_more_and_who_is_in_may_finish_until_the_drain_is_over() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let (dsn, user) = (text(&answer, "dsn"), answer["parameters"]["user"].as_str().unwrap());
        let session = session(&stand, dsn, user).await;
        stand.clock.advance(Duration::from_secs(3600));
        until_state(&stand, "draining").await;
        let refused = psql(dsn, "select 1").await;
        assert!(!refused.ok && refused.stderr.contains("not permitted to log in"), "{refused:?}");
        stand.clock.advance(Duration::from_secs(29));
        assert_eq!(stand.at_target(&format!("{SESSIONS}'{user}'")).await, "1", "it may finish");
        assert!(!session.is_finished());
        stand.clock.advance(Duration::from_secs(1));
        until_state(&stand, "revoked").await;
        let ended = session.await.unwrap();
        assert!(!ended.ok && ended.stderr.contains("terminating connection"), "{ended:?}");
        assert_eq!(stand.users().await, [""; 0]);
        let told = "select string_agg(action || ' ' || (detail::json ->> 'reason'), ', ' order by seq) \
                      from audit_events where action in ('lease.ending', 'lease.revoked')";
        assert_eq!(stand.at_ledger(told).await, "lease.ending expired, lease.revoked expired");
        stand.stop().await;
    });
}

#[test]
fn an_operator_ends_at_once_what_only_drains() {
    run(async {
        let stand = Stand::with(|config| config["roles"]["orders-reader"]["drain"] = "10m".into()).await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let user = answer["parameters"]["user"].as_str().unwrap();
        let session = session(&stand, text(&answer, "dsn"), user).await;
        stand.clock.advance(Duration::from_secs(3600));
        until_state(&stand, "draining").await;
        let incident = serde_json::json!({ "role": "orders-reader", "reason": "leaked" });
        let answer = stand.caller("operator").post("/v1/revocations", &incident).await.ok();
        assert_eq!(answer["revoked"], 1);
        stand.until_users(0).await;
        assert!(!session.await.unwrap().ok);
        stand.stop().await;
    });
}

#[test]
fn a_revocation_does_not_wait_for_anyone_to_finish() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let user = answer["parameters"]["user"].as_str().unwrap();
        let session = session(&stand, text(&answer, "dsn"), user).await;
        let path = format!("/v1/leases/{}", text(&answer, "lease_id"));
        assert_eq!(stand.caller("app-orders").delete(&path).await.ok()["state"], "revoked");
        assert!(!session.await.unwrap().ok);
        assert_eq!(stand.users().await, [""; 0]);
        stand.stop().await;
    });
}
