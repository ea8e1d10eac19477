//! One replica at a time makes the entry for a key.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::cache::{Cache, CacheError};
use tokio::time::Instant;

use super::fixture::{HOUR, Shared, clock, config, connect, entry, key, raw, sealer, until};

const LONG: Duration = Duration::from_secs(60);
/// How long a lock lasts that nobody extends.
const LIFE: Duration = Duration::from_secs(2);

/// Where the lock of this key lies.
fn place(name: &str) -> String {
    format!("dsn:lock:{}", key(name))
}

#[tokio::test]
async fn a_lock_excludes_other_replicas_until_it_is_released() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let held = one.lock(&key("a")).await.unwrap().unwrap();
    assert!(other.lock(&key("a")).await.unwrap().is_none());
    assert!(other.lock(&key("b")).await.unwrap().is_some());
    held.release().await;
    let held = other.lock(&key("a")).await.unwrap().unwrap();
    assert!(one.lock(&key("a")).await.unwrap().is_none());
    drop(held);
    until("dropping releases", async || one.lock(&key("a")).await.unwrap().is_some()).await;
}

#[tokio::test]
async fn a_lock_that_ended_is_not_released_from_under_its_next_holder() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let ended = one.lock(&key("a")).await.unwrap().unwrap();
    raw::<()>(&mut shared.raw().await, &["DEL", &place("a")]).await;
    let _held = other.lock(&key("a")).await.unwrap().unwrap();
    ended.release().await;
    assert!(one.lock(&key("a")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_lock_lasts_for_as_long_as_it_is_held() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let _held = one.lock(&key("a")).await.unwrap().unwrap();
    let started = Instant::now();
    until("it is held for twice its life", async || {
        assert!(other.lock(&key("a")).await.unwrap().is_none(), "after {:?}", started.elapsed());
        started.elapsed() > LIFE * 2
    })
    .await;
}

#[tokio::test]
async fn a_lock_ends_by_itself_when_its_holder_is_no_more() {
    let shared = Shared::start().await;
    let other = shared.replica().await;
    // Its connection and its tasks are there, and end with it.
    let process = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sealer = sealer(&[("a", 1)]);
    let (redis, url, clock) = (config(shared.redis.ca_path()), shared.redis.url(), shared.clock.clone());
    let held = process.spawn(async move {
        let one = connect(redis, &url, sealer, &clock).await;
        let held = one.lock(&key("a")).await.unwrap().unwrap();
        (one, held)
    });
    let held = held.await.unwrap();
    let died = Instant::now();
    process.shutdown_background();
    std::mem::forget(held);
    assert!(other.lock(&key("a")).await.unwrap().is_none(), "nobody has released it");
    until("it ends", async || other.lock(&key("a")).await.unwrap().is_some()).await;
    assert!(died.elapsed() < LIFE * 3, "{:?}", died.elapsed());
}

#[tokio::test]
async fn a_lock_that_was_lost_is_neither_taken_back_nor_extended_for_another() {
    let shared = Shared::start().await;
    let one = shared.replica().await;
    let mut redis = shared.raw().await;
    let gone = one.lock(&key("a")).await.unwrap().unwrap();
    let taken = one.lock(&key("b")).await.unwrap().unwrap();
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    raw::<()>(&mut redis, &["DEL", &place("a")]).await;
    raw::<()>(&mut redis, &["SET", &place("b"), "another", "PX", "60000"]).await;
    until("both are given up", async || tasks.num_alive_tasks() == before - 2).await;
    assert_eq!(raw::<Option<String>>(&mut redis, &["GET", &place("a")]).await, None);
    assert_eq!(raw::<String>(&mut redis, &["GET", &place("b")]).await, "another");
    assert!(raw::<u64>(&mut redis, &["PTTL", &place("b")]).await > 30_000, "its life is as it was");
    drop((gone, taken));
}

#[tokio::test]
async fn nothing_is_done_for_a_lock_after_its_release() {
    let shared = Shared::start().await;
    let one = shared.replica().await;
    let tasks = tokio::runtime::Handle::current().metrics();
    let before = tasks.num_alive_tasks();
    let held = one.lock(&key("a")).await.unwrap().unwrap();
    assert_eq!(tasks.num_alive_tasks(), before + 1);
    held.release().await;
    assert_eq!(tasks.num_alive_tasks(), before, "nobody extends it");
    drop(one.lock(&key("a")).await.unwrap().unwrap());
    until("it is released, and nobody extends it", async || tasks.num_alive_tasks() == before).await;
}

#[tokio::test]
async fn a_holder_goes_on_without_redis_and_its_lock_is_lost_with_it() {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let held = one.lock(&key("a")).await.unwrap().unwrap();
    shared.redis.kill().await.unwrap();
    until("it is known to be gone", async || !one.is_up() && !other.is_up()).await;
    shared.redis.restart().await.unwrap();
    until("it is back", async || one.is_up() && other.is_up()).await;
    let theirs = other.lock(&key("a")).await.unwrap().expect("nobody has it in the new one");
    let mut redis = shared.raw().await;
    let token: String = raw(&mut redis, &["GET", &place("a")]).await;
    let started = Instant::now();
    until("the first one has tried to extend it", async || {
        assert_eq!(raw::<Option<String>>(&mut redis, &["GET", &place("a")]).await.as_ref(), Some(&token));
        started.elapsed() > LIFE
    })
    .await;
    held.release().await;
    assert!(one.lock(&key("a")).await.unwrap().is_none());
    drop(theirs);
}

#[tokio::test]
async fn waiting_yields_what_the_holder_makes() -> Result<(), CacheError> {
    let shared = Shared::start().await;
    let (one, other) = (shared.replica().await, shared.replica().await);
    let (key, old) = (key("a"), entry(&shared.clock, HOUR));
    one.put(&key, Arc::clone(&old)).await?;
    shared.clock.advance(Duration::from_secs(10));
    let new = entry(&shared.clock, HOUR);
    let held = one.lock(&key).await?.unwrap();
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
    let held = one.lock(&key).await?.unwrap();
    assert_eq!(other.wait(&key, None, Duration::from_millis(50)).await?, None, "not in time");
    let (found, ()) = tokio::join!(other.wait(&key, None, LONG), held.release());
    assert_eq!(found?, None, "the holder gave up");
    Ok(())
}

#[tokio::test]
async fn a_store_in_memory_has_nobody_to_exclude() {
    let cache = Cache::local(Arc::new(clock()));
    let _first = cache.lock(&key("a")).await.unwrap().unwrap();
    assert!(cache.lock(&key("a")).await.unwrap().is_some());
}
