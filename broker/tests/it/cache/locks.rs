//! One replica at a time makes the entry for a key.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::cache::{Cache, CacheError};

use super::fixture::{HOUR, Shared, clock, entry, key, raw, until};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lock_excludes_other_replicas_until_it_is_released() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let held = one.lock(&key("a"), LONG).await.unwrap().unwrap();
    assert!(other.lock(&key("a"), LONG).await.unwrap().is_none());
    assert!(other.lock(&key("b"), LONG).await.unwrap().is_some());
    held.release().await;
    let held = other.lock(&key("a"), LONG).await.unwrap().unwrap();
    assert!(one.lock(&key("a"), LONG).await.unwrap().is_none());
    drop(held);
    until("dropping releases", async || one.lock(&key("a"), LONG).await.unwrap().is_some()).await;
}

#[tokio::test]
async fn a_lock_that_ended_is_not_released_from_under_its_next_holder() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let ended = one.lock(&key("a"), LONG).await.unwrap().unwrap();
    raw::<()>(&mut shared.raw().await, &["DEL", &format!("dsn:lock:{}", key("a"))]).await;
    let _held = other.lock(&key("a"), LONG).await.unwrap().unwrap();
    ended.release().await;
    assert!(one.lock(&key("a"), LONG).await.unwrap().is_none());
}

#[tokio::test]
async fn a_lock_ends_by_itself() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let _held = one.lock(&key("a"), Duration::from_millis(20)).await.unwrap().unwrap();
    until("it ends", async || other.lock(&key("a"), LONG).await.unwrap().is_some()).await;
}

#[tokio::test]
async fn waiting_yields_what_the_holder_makes() -> Result<(), CacheError> {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let (key, old) = (key("a"), entry(&shared.clock, HOUR));
    one.put(&key, Arc::clone(&old)).await?;
    shared.clock.advance(Duration::from_secs(10));
    let new = entry(&shared.clock, HOUR);
    let held = one.lock(&key, LONG).await?.unwrap();
    let make = async {
        one.put(&key, Arc::clone(&new)).await?;
        held.release().await;
        Ok::<_, CacheError>(())
    };
    let wait = other.wait(&key, Some(old.times.issued_at), LONG);
    let (found, made) = tokio::join!(wait, make);
    made?;
    assert_eq!(found?, Some(new));
    Ok(())
}

#[tokio::test]
async fn waiting_ends_when_the_holder_gives_up_or_takes_too_long() -> Result<(), CacheError> {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let key = key("a");
    assert_eq!(other.wait(&key, None, LONG).await?, None, "nobody makes it");
    let held = one.lock(&key, LONG).await?.unwrap();
    assert_eq!(other.wait(&key, None, Duration::from_millis(50)).await?, None, "not in time");
    let (found, ()) = tokio::join!(other.wait(&key, None, LONG), held.release());
    assert_eq!(found?, None, "the holder gave up");
    Ok(())
}

#[tokio::test]
async fn a_store_in_memory_has_nobody_to_exclude() {
    let cache = Cache::local(Arc::new(clock()));
    let _first = cache.lock(&key("a"), LONG).await.unwrap().unwrap();
    assert!(cache.lock(&key("a"), LONG).await.unwrap().is_some());
}
