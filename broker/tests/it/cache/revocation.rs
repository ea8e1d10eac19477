//! An evicted lease is handed out by no replica.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::cache::Put;

use super::fixture::{HOUR, Shared, entry, key, raw, until};

#[tokio::test]
async fn an_eviction_reaches_the_copy_in_another_replica() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let kept = entry(&shared.clock, HOUR);
    one.put(&key("a"), Arc::clone(&kept)).await.unwrap();
    assert_eq!(other.get(&key("a")).await.unwrap(), Some(Arc::clone(&kept)));
    // Without the entry in Redis, the answer comes from the copy; the clock stands, so it never ends.
    let place = format!("dsn:entry:{}", key("a"));
    assert_eq!(raw::<u8>(&mut shared.raw().await, &["DEL", &place]).await, 1);
    assert_eq!(other.get(&key("a")).await.unwrap(), Some(Arc::clone(&kept)));
    one.evict(kept.lease).await.unwrap();
    until("the other replica heard", async || other.get(&key("a")).await.unwrap().is_none()).await;
    assert_eq!(other.put(&key("a"), kept).await.unwrap(), Put::Evicted);
}

#[tokio::test]
async fn a_copy_is_good_for_seconds() {
    let shared = Shared::start().await;
    let cache = shared.replica().await;
    cache.put(&key("a"), entry(&shared.clock, HOUR)).await.unwrap();
    let place = format!("dsn:entry:{}", key("a"));
    raw::<()>(&mut shared.raw().await, &["DEL", &place]).await;
    assert!(cache.get(&key("a")).await.unwrap().is_some());
    shared.clock.advance(Duration::from_secs(3));
    assert!(cache.get(&key("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_put_that_comes_too_late_does_not_bring_a_lease_back() {
    let shared = Shared::start().await;
    let one = shared.replica().await;
    let evicted = entry(&shared.clock, HOUR);
    one.evict(evicted.lease).await.unwrap();
    // This one was not there when the eviction was published, and learns of it from Redis.
    let other = shared.replica().await;
    assert_eq!(other.put(&key("a"), Arc::clone(&evicted)).await.unwrap(), Put::Evicted);
    assert_eq!(one.get(&key("a")).await.unwrap(), None);
    assert_eq!(other.get(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn put_and_eviction_at_once_leave_nothing_behind() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let mut connection = shared.raw().await;
    for round in 0..100 {
        let key = key(&round.to_string());
        let racing = entry(&shared.clock, HOUR);
        let (put, evicted) = tokio::join!(one.put(&key, Arc::clone(&racing)), other.evict(racing.lease));
        put.unwrap();
        evicted.unwrap();
        let place = format!("dsn:entry:{key}");
        assert_eq!(raw::<u8>(&mut connection, &["EXISTS", &place]).await, 0, "round {round}");
        until("the first replica heard", async || one.get(&key).await.unwrap().is_none()).await;
    }
}
