//! Who waits for another replica's mint: as long as that one is at it, and no longer.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use tokio::time::Instant;

use crate::stand::{Process, Settings, Stand, Target, run, unique, until, world};

#[test]
fn callers_wait_for_a_replica_that_died_in_a_mint_for_a_moment_only() {
    run(async {
        let settings = Settings::new(world().await, &unique()).await;
        let (doomed, other) = (settings.replica(), settings.replica());
        let here = Process::ready(settings).await;
        let there = Process::again(other, &[]).await;
        until(async || there.readyz().await == 200).await;
        let doomed = Process::again(doomed, &[("DSN_BROKER_FAIL", "mint.created")]).await;
        let (path, proof) = (here.dsn("orders-reader"), here.token("app-orders"));

        assert!(doomed.call(Method::GET, &path, &proof).await.is_err(), "it has died");
        let died = Instant::now();
        let calls = (0..20).map(|number| [&here, &there][number % 2].call(Method::GET, &path, &proof));
        let answers = join_all(calls).await;
        let waited = died.elapsed();
        assert!(waited < Duration::from_secs(8), "{waited:?}");
        assert!(waited > Duration::from_millis(500), "the dead replica's lock was there: {waited:?}");
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().ok()).collect();
        assert!(answers.iter().all(|answer| answer["lease_id"] == answers[0]["lease_id"]), "{answers:?}");

        doomed.ended().await;
        there.stop().await;
        let (settings, _) = here.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn a_mint_that_takes_longer_than_a_lock_lasts_is_not_begun_again_by_another_replica() {
    run(async {
        let target = Target::start().await;
        let here = Stand::on(target.settings().await).await;
        let there = here.replica().await;
        let slow = target.hold(Duration::from_secs(5)).await;
        let (one, other) = (here.caller("app-orders"), there.caller("app-orders"));
        let (first, second) = tokio::join!(one.dsn("orders-reader"), other.dsn("orders-reader"));
        assert!(slow.await.unwrap().ok);
        assert_eq!(first["lease_id"], second["lease_id"]);
        assert_eq!(here.at_ledger("select count(*) from leases").await, "1", "nothing else was begun");
        there.stop().await;
        here.stop().await;
        target.server.end().await.unwrap();
    });
}
