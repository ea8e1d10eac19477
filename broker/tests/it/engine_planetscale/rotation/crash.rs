//! Whichever step of a rotation a crash hits, what was promised is kept, and no password is left behind.

use dsn_broker::broker::failpoint::PAIR_POINT;
use dsn_broker::time::{Clock as _, ManualClock, SystemClock};

use super::*;
use crate::stand::Process;

#[test]
fn a_crash_leaves_nothing_behind() {
    for point in ["mint.pending", "mint.created", PAIR_POINT, "mint.active", "mint.cached"] {
        run(recovers_from(point));
    }
}

async fn recovers_from(point: &str) {
    let scene = Scene::of(&[STORE]).await;
    let first = scene.rotated(STORE).await;
    let Scene { stand, planetscale, token } = scene;

    let process = Process::again(stand.stop().await, &[("DSN_BROKER_FAIL", point)]).await;
    let proof = process.token("operator");
    let call = process.client.post(format!("{}/v1/databases/{}/rotate", process.url, STORE.database));
    let call = call.bearer_auth(proof).json(&json!({ "role": STORE.role }));
    assert!(call.send().await.is_err(), "{point}");
    let (_, settings, _) = process.ended().await;
    assert!(works(&first).await, "{point}");

    // Past the deadline of what is pending, and past every claim; not past what was promised.
    let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
    let scene = Scene { stand: Stand::at(settings, clock).await, planetscale, token };
    // Where the rotation was on record, it is finished; where it was not, it is undone.
    let finished = matches!(point, "mint.active" | "mint.cached");
    scene
        .stand
        .until(|| async {
            let _ = scene.rotated(STORE).await;
            let open = scene.open().await;
            if open == if finished { "draining active" } else { "active" } { Ok(()) } else { Err(open) }
        })
        .await;
    let present = scene.rotated(STORE).await;
    assert!(works(&present).await && works(&first).await, "{point}");
    let there: &[&str] = if finished { &USERS } else { &USERS[..1] };
    assert_eq!(scene.planetscale.live(), there, "{point}");

    // And it goes on from there.
    scene.stand.clock.advance(HOUR);
    scene.rotate(STORE).await.ok();
    let next = scene.rotated(STORE).await;
    assert!(works(&next).await && works(&present).await, "{point}");
    assert_ne!(next["parameters"]["user"], present["parameters"]["user"]);
    assert_eq!(scene.planetscale.live(), USERS, "{point}");
    scene.end().await;
}
