//! The process dies at each of the named points; what it leaves behind is put right by the next one.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use dsn_broker::broker::failpoint::POINTS;
use dsn_broker::time::{Clock, ManualClock, SystemClock};
use reqwest::Method;

use crate::stand::{Process, Settings, Stand, run, unique, world};

macro_rules! points {
    ($($test:ident: $point:literal,)*) => {
        $(
            #[test]
            fn $test() {
                run(recovers_from($point));
            }
        )*

        #[test]
        fn there_is_a_test_for_every_point() {
            assert_eq!(POINTS, [$($point),*]);
        }
    };
}

points! {
    before_anything_is_made: "mint.start",
    after_the_intent: "mint.pending",
    after_the_user_is_made: "mint.created",
    after_the_record: "mint.active",
    after_the_cache: "mint.cached",
    after_the_delivery_is_recorded: "delivery.recorded",
    before_an_end: "end.claimed",
    after_logins_were_ended: "end.disabled",
    after_the_user_is_removed: "end.removed",
}

/// Lets the program die at `point`; answers the leases that its callers have received.
async fn die_at(point: &str, settings: Settings) -> (Settings, Vec<String>) {
    let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
    let settings = &process.settings;
    let proof = process.token("app-orders");
    let mut received = Vec::new();
    let path = format!("/v1/dsn/orders-reader?ca_file={}", settings.ca_path.display());
    let first = process.call(Method::GET, &path, &proof).await;
    if let Ok(answer) = &first {
        received.push(answer.ok()["lease_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(first.is_ok(), point.starts_with("end."), "{point}: {first:?}");
    if let (true, Some(lease)) = (point == "end.disabled", received.first()) {
        // Its time is over; the next one that is made wakes the reaper.
        settings
            .tamper(&format!("update leases set due_at = now() - interval '1s' where id = '{lease}'"))
            .await;
        let path = path.replace("orders-reader", "orders-request");
        if let Ok(answer) = process.call(Method::GET, &path, &proof).await {
            received.push(answer.ok()["lease_id"].as_str().unwrap().to_owned());
        }
    } else if let Some(lease) = received.first() {
        let revoked = process.call(Method::DELETE, &format!("/v1/leases/{lease}"), &proof).await;
        // The reaper may be faster: then the caller hears that the lease is ending, and the program dies all the same.
        if let Ok(answer) = revoked {
            assert_eq!(answer.ok()["state"], "draining");
        }
    }
    let (status, settings, _) = process.ended().await;
    assert_eq!(status.signal(), Some(6), "it aborted");
    (settings, received)
}

/// The users that leases account for which have not ended.
const ACCOUNTED: &str = "select handle ->> 'username' from leases where due_at is not null order by 1";

async fn recovers_from(point: &str) {
    let settings = Settings::new(world().await, &unique()).await;
    settings.migrate().await;
    let (settings, received) = die_at(point, settings).await;
    // Past the deadline of what is pending, and past every claim; not past the life of a lease.
    let clock = ManualClock::new(SystemClock.now() + Duration::from_secs(600));
    let stand = Stand::at(settings, clock).await;
    stand
        .until(|| async {
            let accounted: Vec<String> =
                stand.at_ledger(ACCOUNTED).await.lines().map(str::to_owned).collect();
            let users = stand.users().await;
            let now = stand.clock.now().to_rfc3339();
            let stuck = format!("select count(*) from leases where due_at <= '{now}' or claim is not null");
            let stuck = stand.at_ledger(&stuck).await;
            if users == accounted && stuck == "0" {
                Ok(())
            } else {
                Err(format!("{users:?} {accounted:?} {stuck}"))
            }
        })
        .await;
    let pending = stand.at_ledger("select count(*) from leases where state = 'pending'").await;
    assert_eq!(pending, "0", "what was pending is undone");
    for lease in received {
        let told = format!(
            "select count(*) from audit_events where action = 'lease.delivered' and lease = '{lease}'"
        );
        assert_eq!(stand.at_ledger(&told).await, "1", "nothing leaves without a record");
    }
    stand.caller("app-orders").dsn("orders-request").await;
    stand
        .until(|| async {
            stand.clock.advance(Duration::from_secs(3600));
            let users = stand.users().await;
            if users.is_empty() { Ok(()) } else { Err(format!("{users:?}")) }
        })
        .await;
    let settings = stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
}
