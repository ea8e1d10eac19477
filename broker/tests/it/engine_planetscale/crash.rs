//! The process dies at a point around the making of a credential; nothing of it is left behind.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use dsn_broker::time::{Clock, ManualClock, SystemClock};
use reqwest::Method;

use super::Scene;
use crate::stand::{Process, Stand, run};

#[test]
fn after_the_intent() {
    run(recovers("mint.pending", "shop-request", 0));
}

#[test]
fn after_a_role_is_made() {
    run(recovers("mint.created", "shop-request", 1));
}

#[test]
fn after_a_password_is_made() {
    run(recovers("mint.created", "store-reader", 1));
}

#[test]
fn after_it_is_on_record() {
    run(recovers("mint.active", "shop-request", 1));
}

async fn recovers(point: &str, role: &str, made: usize) {
    let (settings, planetscale, token) = super::settings().await;
    settings.migrate().await;
    let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
    let proof = process.token("app-orders");
    assert!(process.call(Method::GET, &process.dsn(role), &proof).await.is_err(), "it died");
    let (status, settings, _) = process.ended().await;
    assert_eq!(status.signal(), Some(6), "it aborted");
    assert_eq!(planetscale.live().len(), made);
    // Past the deadline of what is pending.
    let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
    let scene = Scene { stand: Stand::at(settings, clock).await, planetscale, token };
    if point == "mint.active" {
        // It is a good lease that nobody has: it ends when its time has come.
        scene.stand.clock.advance(Duration::from_secs(3600));
        scene
            .stand
            .until(|| async {
                scene.stand.clock.advance(Duration::from_secs(10));
                let live = scene.planetscale.live();
                if live.is_empty() { Ok(()) } else { Err(format!("{live:?}")) }
            })
            .await;
    } else {
        scene.until_live(0).await;
    }
    let open = "select count(*) from leases where due_at is not null";
    scene
        .stand
        .until(|| async {
            let open = scene.stand.at_ledger(open).await;
            if open == "0" { Ok(()) } else { Err(open) }
        })
        .await;
    scene.end().await;
}
