//! A database that is away costs its own callers, and nobody else.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::until_status;
use crate::stand::{Settings, Stand, Target, psql, role, run, unique, world};

/// A stand with the usual database and another one, which is there to be broken, with a role of its own.
async fn stand() -> (Stand, Target) {
    let target = Target::start().await;
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.config["databases"]["doomed"] = target.config(&settings);
    settings.config["databases"]["doomed"]["timeout"] = "2500ms".into();
    let mut doomed = role("request");
    doomed["database"] = "doomed".into();
    settings.config["roles"]["doomed"] = doomed;
    settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push("doomed".into());
    (Stand::on(settings).await, target)
}

async fn end(stand: Stand, target: Target) {
    let settings = stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
    target.server.end().await.unwrap();
}

/// The other database is served, and soon.
async fn others_are_served(stand: &Stand) {
    let started = tokio::time::Instant::now();
    let answer = stand.caller("app-orders").dsn("orders-request").await;
    assert!(psql(answer["dsn"].as_str().unwrap(), "select 1").await.ok);
    assert!(started.elapsed() < Duration::from_millis(2300), "{:?}", started.elapsed());
}

async fn is_refused(stand: &Stand) {
    let caller = stand.caller("app-orders");
    let answer = caller.get(&caller.dsn_path("doomed")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.problem().as_str()),
        (503, "engine-unavailable"),
        "{}",
        answer.text
    );
    assert_eq!(answer.headers["retry-after"], "2");
}

#[test]
fn a_database_that_is_down_is_refused_at_once_after_a_while_and_served_again_when_it_is_back() {
    run(async {
        let (stand, target) = stand().await;
        stand.caller("app-orders").dsn("doomed").await;
        target.server.kill().await.unwrap();
        for _ in 0..6 {
            is_refused(&stand).await;
        }
        others_are_served(&stand).await;
        // The circuit is open: nobody even tries, until time has passed.
        target.server.restart().await.unwrap();
        is_refused(&stand).await;
        let site = stand.app.broker.site(&"doomed".parse().unwrap()).unwrap();
        assert!(site.is_down());
        stand.clock.advance(Duration::from_secs(31));
        until_status(&stand, "doomed", 200).await;
        assert!(!site.is_down());
        end(stand, target).await;
    });
}

#[test]
fn a_database_that_hangs_delays_its_own_callers_alone() {
    run(async {
        let (stand, target) = stand().await;
        stand.caller("app-orders").dsn("doomed").await;
        target.server.pause().await.unwrap();
        let waiting = join_all((0..20).map(|_| is_refused(&stand)));
        let served = async {
            for _ in 0..3 {
                others_are_served(&stand).await;
            }
        };
        let started = tokio::time::Instant::now();
        tokio::join!(waiting, served);
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        let started = tokio::time::Instant::now();
        is_refused(&stand).await;
        assert!(started.elapsed() < Duration::from_secs(2), "the circuit is open");
        target.server.resume().await.unwrap();
        stand.clock.advance(Duration::from_secs(31));
        until_status(&stand, "doomed", 200).await;
        // What the broker had begun there is undone at its deadline.
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(31));
                let states = "select count(*) from leases where database = 'doomed' and state = 'pending'";
                let pending = stand.at_ledger(states).await;
                let live = "select count(*) from leases where database = 'doomed' and due_at is not null";
                let (live, users) = (stand.at_ledger(live).await, target.users().await.len().to_string());
                if pending == "0" && live == users {
                    Ok(())
                } else {
                    Err(format!("{pending} {live} {users}"))
                }
            })
            .await;
        end(stand, target).await;
    });
}

#[test]
fn a_revocation_while_the_database_is_down_is_shown_as_stuck_and_done_when_it_is_back() {
    run(async {
        let (stand, target) = stand().await;
        let answer = stand.caller("app-orders").dsn("doomed").await;
        let lease = format!("/v1/leases/{}", answer["lease_id"].as_str().unwrap());
        target.server.stop().await.unwrap();
        let revoked = stand.caller("app-orders").delete(&lease).await.ok();
        assert_eq!(revoked["state"], "draining");
        let shown = stand.caller("operator").get("/v1/databases/doomed").await.ok();
        let stuck = &shown["stuck_revocations"][0];
        assert_eq!(stuck["lease_id"], answer["lease_id"]);
        assert_eq!(stuck["username"], answer["parameters"]["user"]);
        assert!(stuck["last_error"].as_str().unwrap().contains("did not answer"), "{stuck}");
        assert_eq!((&shown["server"], shown["error"].is_string()), (&json!(null), true), "{shown}");
        let metric = r#"dsn_broker_stuck_revocations{database="doomed"}"#;
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(10));
                let counted = stand.metric(metric).await;
                if counted == Some(1.0) { Ok(()) } else { Err(format!("{counted:?}")) }
            })
            .await;
        assert!(stand.metric(r#"dsn_broker_end_failures_total{database="doomed"}"#).await.unwrap() >= 1.0);
        target.server.restart().await.unwrap();
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(60));
                let state = stand.caller("operator").get(&lease).await.ok()["state"].to_string();
                if state == "\"revoked\"" { Ok(()) } else { Err(state) }
            })
            .await;
        assert_eq!(target.users().await, [""; 0]);
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(10));
                let counted = stand.metric(metric).await;
                if counted == Some(0.0) { Ok(()) } else { Err(format!("{counted:?}")) }
            })
            .await;
        let shown = stand.caller("operator").get("/v1/databases/doomed").await.ok();
        assert_eq!(shown["stuck_revocations"], json!([]));
        end(stand, target).await;
    });
}
