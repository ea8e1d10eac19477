//! Redis goes, and comes back.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::cache::{Cache, CacheError, Put};
use dsn_broker::config::{Cache as Config, RedisCache, Span};
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::secret::Secret;
use tokio::time::Instant;

use super::fixture::{HOUR, Shared, clock, config, entry, key, raw, sealer, until};

#[tokio::test]
async fn a_redis_that_is_gone_is_not_waited_for_and_comes_back() {
    let shared = Shared::start().await;
    let cache = shared.replica().await;
    let kept = entry(&shared.clock, HOUR);
    cache.put(&key("a"), Arc::clone(&kept)).await.unwrap();
    shared.redis.kill().await.unwrap();
    // The copy must not be used either: an eviction would not be heard.
    until("it is known to be gone", async || !cache.is_up()).await;
    let start = Instant::now();
    for _ in 0..1000 {
        assert!(matches!(cache.get(&key("a")).await, Err(CacheError::Unavailable)));
        assert!(matches!(cache.put(&key("a"), Arc::clone(&kept)).await, Err(CacheError::Unavailable)));
        assert!(matches!(cache.lock(&key("a")).await, Err(CacheError::Unavailable)));
        assert!(matches!(cache.remove(&key("b")).await, Err(CacheError::Unavailable)));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "4000 calls took {:?}", start.elapsed());
    shared.redis.restart().await.unwrap();
    until("it is back", async || cache.is_up()).await;
    assert_eq!(cache.get(&key("a")).await.unwrap(), None, "Redis lost it, and the copy is of another time");
    assert_eq!(cache.put(&key("a"), kept).await.unwrap(), Put::Kept);
}

#[tokio::test]
async fn a_redis_that_hangs_costs_one_timeout() {
    let shared = Shared::start().await;
    let quick = |config: &mut RedisCache| config.timeout = Span(Duration::from_millis(300));
    let cache = shared.replica_with(sealer(&[("a", 1)]), quick).await;
    until("it is up", async || cache.is_up()).await;
    shared.redis.pause().await.unwrap();
    let start = Instant::now();
    for _ in 0..20 {
        assert!(matches!(cache.get(&key("a")).await, Err(CacheError::Unavailable)));
    }
    assert!(start.elapsed() < Duration::from_secs(2), "20 calls took {:?}", start.elapsed());
    shared.redis.resume().await.unwrap();
    until("it is back", async || cache.get(&key("a")).await.is_ok()).await;
}

#[tokio::test]
async fn an_eviction_during_an_outage_is_made_up_for() {
    let shared = Shared::start().await;
    let quick = |config: &mut RedisCache| config.timeout = Span(Duration::from_millis(300));
    let cache = shared.replica_with(sealer(&[("a", 1)]), quick).await;
    let kept = entry(&shared.clock, HOUR);
    until("it is kept", async || matches!(cache.put(&key("a"), Arc::clone(&kept)).await, Ok(Put::Kept)))
        .await;
    // Paused, not killed: what Redis holds is there again afterwards.
    shared.redis.pause().await.unwrap();
    assert!(matches!(cache.evict(kept.lease).await, Err(CacheError::Unavailable)));
    shared.redis.resume().await.unwrap();
    until("it is back", async || cache.is_up()).await;
    assert!(matches!(cache.get(&key("a")).await, Ok(None) | Err(CacheError::Unavailable)));
    let place = format!("dsn:entry:{}", key("a"));
    let mut connection = shared.raw().await;
    until("Redis forgot it", async || raw::<u8>(&mut connection, &["EXISTS", &place]).await == 0).await;
}

#[tokio::test]
async fn the_broker_starts_without_redis() {
    let shared = Shared::start().await;
    shared.redis.stop().await.unwrap();
    let cache = shared.replica().await;
    assert!(!cache.is_up());
    assert!(matches!(cache.get(&key("a")).await, Err(CacheError::Unavailable)));
    shared.redis.restart().await.unwrap();
    until("it came up", async || cache.is_up()).await;
    assert_eq!(cache.get(&key("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_our_ca_did_not_sign_for_is_not_used() {
    let shared = Shared::start().await;
    let folder = tempfile::tempdir().unwrap();
    let other = devstack::Ca::generate().unwrap().write_to(folder.path()).unwrap();
    let cache = shared.replica_with(sealer(&[("a", 1)]), |config| config.ca = Some(other)).await;
    assert!(!cache.is_up());
    let cache = shared.replica_with(sealer(&[("a", 1)]), |config| config.ca = None).await;
    assert!(!cache.is_up(), "nor by the system's roots");
    assert!(shared.replica().await.is_up());
}

#[tokio::test]
async fn an_answer_that_refuses_is_told_from_an_outage() {
    let shared = Shared::start().await;
    let cache = shared.replica().await;
    let mut connection = shared.raw().await;
    raw::<()>(&mut connection, &["SET", &format!("dsn:entry:{}", key("a")), "text"]).await;
    assert!(matches!(cache.get(&key("a")).await, Err(CacheError::Refused { .. })));
    assert!(cache.is_up());
}

#[tokio::test]
async fn bad_urls_are_refused_without_repeating_them() {
    let folder = tempfile::tempdir().unwrap();
    let ca = devstack::Ca::generate().unwrap().write_to(folder.path()).unwrap();
    for (url, change) in [
        ("https://u:hunter2@h", (|_| {}) as fn(&mut RedisCache)),
        ("rediss://u:hunter2@", |_| {}),
        ("rediss://u:hunter2@h:99999", |_| {}),
        ("rediss://u:hunter2@h#insecure", |_| {}),
        ("redis://u:hunter2@h", |_| {}),
        ("rediss://u:hunter2@a,rediss://u:hunter2@b", |_| {}),
        ("rediss://u:hunter2@a", |config| {
            (config.cluster, config.sentinel_master) = (true, Some("m".to_owned()))
        }),
    ] {
        let mut config = config(&ca);
        change(&mut config);
        let (sealer, clock) = (Arc::new(sealer(&[("a", 1)])), Arc::new(clock()));
        let url = Some(Secret::new(url));
        let entropy = Arc::new(SystemEntropy);
        let error = Cache::connect(&Config::Redis(config), url, sealer, clock, entropy).await.unwrap_err();
        assert!(matches!(error, CacheError::Url { .. }), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
