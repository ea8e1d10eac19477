//! What both stores promise.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::cache::{Cache, Entry, MARGIN, Put};
use dsn_broker::id::LeaseId;
use dsn_broker::model::Times;
use dsn_broker::time::ManualClock;

use super::fixture::{HOUR, Shared, clock, entry, key, raw};

#[tokio::test]
async fn the_store_in_memory() {
    let clock = clock();
    keeps_its_promises(&Cache::local(Arc::new(clock.clone())), &clock).await;
}

#[tokio::test]
async fn the_store_in_redis() {
    let shared = Shared::start().await;
    keeps_its_promises(&shared.replica().await, &shared.clock).await;
}

async fn keeps_its_promises(cache: &Cache, clock: &ManualClock) {
    assert!(cache.is_up());
    assert_eq!(cache.get(&key("none")).await.unwrap(), None);
    keeps_and_forgets(cache, clock).await;
    lets_only_newer_ones_follow(cache, clock).await;
    keeps_nothing_evicted(cache, clock).await;
    gives_nothing_that_is_about_to_end(cache, clock).await;
}

async fn keeps_and_forgets(cache: &Cache, clock: &ManualClock) {
    let kept = entry(clock, HOUR);
    assert_eq!(cache.put(&key("a"), Arc::clone(&kept)).await.unwrap(), Put::Kept);
    assert_eq!(cache.get(&key("a")).await.unwrap(), Some(Arc::clone(&kept)));
    assert_eq!(cache.get(&key("b")).await.unwrap(), None);
    past_copies(clock);
    assert_eq!(cache.get(&key("a")).await.unwrap(), Some(kept));
    cache.remove(&key("a")).await.unwrap();
    assert_eq!(cache.get(&key("a")).await.unwrap(), None);
}

async fn lets_only_newer_ones_follow(cache: &Cache, clock: &ManualClock) {
    let old = entry(clock, HOUR);
    clock.advance(Duration::from_secs(1));
    let new = entry(clock, HOUR);
    assert_eq!(cache.put(&key("c"), Arc::clone(&old)).await.unwrap(), Put::Kept);
    assert_eq!(cache.put(&key("c"), Arc::clone(&new)).await.unwrap(), Put::Kept);
    assert_eq!(cache.put(&key("c"), Arc::clone(&old)).await.unwrap(), Put::Superseded);
    cache.evict(old.lease).await.unwrap();
    past_copies(clock);
    assert_eq!(cache.get(&key("c")).await.unwrap(), Some(Arc::clone(&new)), "the successor stays");
    let times = Times { expires_at: new.times.expires_at + HOUR, ..new.times };
    let renewed = Arc::new(Entry::new(new.lease, new.credential.clone(), times));
    assert_eq!(cache.put(&key("c"), Arc::clone(&renewed)).await.unwrap(), Put::Kept);
    assert_eq!(cache.get(&key("c")).await.unwrap(), Some(renewed));
}

/// What is asked after this comes from Redis, not from a copy in this process.
fn past_copies(clock: &ManualClock) {
    clock.advance(Duration::from_secs(3));
}

async fn keeps_nothing_evicted(cache: &Cache, clock: &ManualClock) {
    let evicted = entry(clock, HOUR);
    assert_eq!(cache.put(&key("d"), Arc::clone(&evicted)).await.unwrap(), Put::Kept);
    cache.evict(evicted.lease).await.unwrap();
    assert_eq!(cache.get(&key("d")).await.unwrap(), None);
    assert_eq!(cache.put(&key("d"), evicted).await.unwrap(), Put::Evicted);
    assert_eq!(cache.get(&key("d")).await.unwrap(), None);
    // What was never there can be evicted, too.
    let LeaseId(unknown) = entry(clock, HOUR).lease;
    cache.evict(LeaseId(unknown)).await.unwrap();
}

async fn gives_nothing_that_is_about_to_end(cache: &Cache, clock: &ManualClock) {
    assert_eq!(cache.put(&key("e"), entry(clock, MARGIN)).await.unwrap(), Put::TooLate);
    let kept = entry(clock, Duration::from_secs(60));
    assert_eq!(cache.put(&key("e"), Arc::clone(&kept)).await.unwrap(), Put::Kept);
    clock.advance(Duration::from_secs(54));
    assert_eq!(cache.get(&key("e")).await.unwrap(), Some(kept));
    clock.advance(Duration::from_secs(1));
    assert_eq!(cache.get(&key("e")).await.unwrap(), None);
}

#[tokio::test]
async fn nothing_stays_in_redis_longer_than_its_credential() {
    let shared = Shared::start().await;
    let cache = shared.replica().await;
    let kept = entry(&shared.clock, Duration::from_secs(60));
    cache.put(&key("a"), Arc::clone(&kept)).await.unwrap();
    let _lock = cache.lock(&key("a")).await.unwrap().unwrap();
    let evicted = entry(&shared.clock, HOUR).lease;
    cache.evict(evicted).await.unwrap();
    let mut connection = shared.raw().await;
    let names: Vec<String> = raw::<(u64, _)>(&mut connection, &["SCAN", "0", "COUNT", "1000"]).await.1;
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let life: i64 = raw(&mut connection, &["PTTL", &name]).await;
        let longest = match name.split(':').nth(1).unwrap() {
            "entry" | "lease" => 55_000,
            "lock" => 2_000,
            "evicted" => 600_000,
            _ => panic!("{name} is not documented"),
        };
        assert!((1..=longest).contains(&life), "{name} lives for {life} ms");
    }
}
