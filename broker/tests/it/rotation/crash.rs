//! Whichever step of a rotation a crash hits, what was promised is kept.

use dsn_broker::broker::failpoint::PAIR_POINT;
use dsn_broker::time::{Clock as _, ManualClock, SystemClock};
use reqwest::Method;

use super::*;
use crate::stand::{Process, run, until};

#[test]
fn whichever_step_a_crash_hits_the_password_in_use_goes_on() {
    for point in ["mint.pending", "mint.created", PAIR_POINT, "mint.active", "mint.cached"] {
        run(recovers_from(point));
    }
}

async fn recovers_from(point: &str) {
    let (stand, _) = stand(json!("manual")).await;
    let first = fetch(&stand).await;
    let settings = stand.stop().await;

    let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
    let proof = process.token("operator");
    let body = json!({ "role": "orders-rotated" });
    let call = process.client.post(format!("{}/v1/databases/orders/rotate", process.url));
    assert!(call.bearer_auth(proof).json(&body).send().await.is_err(), "{point}");
    let (_, settings, _) = process.ended().await;
    assert!(works(&first).await, "{point}");

    // Past the deadline of what is pending, and past every claim; not past what was promised.
    let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
    let stand = Stand::at(settings, clock).await;
    stand
        .until(|| async {
            let states = "select string_agg(state, ' ' order by id) from leases where due_at is not null";
            let states = stand.at_ledger(states).await;
            // Where the rotation was on record, it is finished; where it was not, it is undone.
            let _ = fetch(&stand).await;
            let done =
                if matches!(point, "mint.active" | "mint.cached") { "draining active" } else { "active" };
            if states == done { Ok(()) } else { Err(format!("{point}: {states}")) }
        })
        .await;
    let present = fetch(&stand).await;
    assert!(works(&present).await && works(&first).await, "{point}");
    let kept = if matches!(point, "mint.active" | "mint.cached") { "2" } else { "1" };
    assert_eq!(stand.count("lease.issued").await.to_string(), kept, "{point}");

    // And it goes on from there.
    stand.clock.advance(HOUR);
    rotate(&stand).await.ok();
    let next = fetch(&stand).await;
    assert!(works(&next).await && works(&present).await, "{point}");
    assert_ne!(user(&next), user(&present));
    let settings = stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
}

#[test]
fn whichever_step_of_an_adoption_a_crash_hits_the_password_stays_as_it_is() {
    for point in ["mint.pending", "mint.created", "mint.active"] {
        run(adopts_after(point));
    }
}

async fn adopts_after(point: &str) {
    let (mut settings, users) = settings(json!("manual")).await;
    let set = format!("alter role {} password 'Adopted-3'", users[0]);
    settings.world.orders().execute(&settings.target, &set).await.unwrap();
    let adopt = json!({ "username": users[0], "password": settings.secret("adopted", "Adopted-3") });
    settings.merge(&json!({ "roles": { "orders-rotated": { "credential": { "adopt": adopt } } } }));
    settings.migrate().await;

    // It would adopt the password before it listens: the role comes when it does.
    let complete = settings.config.clone();
    settings.config["roles"].as_object_mut().unwrap().remove("orders-rotated");
    settings.config["bindings"] = json!([]);
    let mut process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
    process.settings.config = complete;
    process.settings.write();
    process.signal("HUP").await;
    let (path, proof) = (process.dsn("orders-rotated"), process.token("app-orders"));
    until(async || process.call(Method::GET, &path, &proof).await.is_err()).await;
    let (_, settings, _) = process.ended().await;

    let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
    let stand = Stand::at(settings, clock).await;
    let present = stand.caller("app-orders").dsn("orders-rotated").await;
    assert_eq!(
        (user(&present), &present["parameters"]["password"]),
        (users[0].as_str(), &json!("Adopted-3"))
    );
    let states = "select string_agg(state, ' ' order by id) from leases where due_at is not null";
    stand
        .until(|| async {
            let states = stand.at_ledger(states).await;
            if states == "active" { Ok(()) } else { Err(format!("{point}: {states}")) }
        })
        .await;
    assert!(works(&present).await, "{point}");
    let settings = stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
}
