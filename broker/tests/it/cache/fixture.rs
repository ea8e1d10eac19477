//! A Redis, the replicas that share it, and a look behind their backs.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use dsn_broker::cache::{Cache, CacheKey, Entry};
use dsn_broker::config::{Cache as Config, RedisCache, SecretRef, Span};
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::id::LeaseId;
use dsn_broker::model::{Credential, Times};
use dsn_broker::seal::Sealer;
use dsn_broker::secret::Secret;
use dsn_broker::time::{Clock as _, ManualClock, Timestamp};
use redis::FromRedisValue;
use redis::aio::MultiplexedConnection;

/// A password that is found wherever it is.
pub(super) const PASSWORD: &str = "correct-horse-battery-staple";

/// One Redis and the time at all of its users.
pub(super) struct Shared {
    pub(super) redis: devstack::Redis,
    pub(super) clock: ManualClock,
}

impl Shared {
    pub(super) async fn start() -> Self {
        let redis = devstack::Redis::start(&devstack::Ca::generate().unwrap()).await.unwrap();
        Self { redis, clock: clock() }
    }

    /// A replica with the usual key.
    pub(super) async fn replica(&self) -> Cache {
        self.replica_with(sealer(&[("a", 1)]), |_| {}).await
    }

    pub(super) async fn replica_with(&self, sealer: Sealer, change: impl FnOnce(&mut RedisCache)) -> Cache {
        let mut config = config(self.redis.ca_path());
        change(&mut config);
        connect(config, &self.redis.url(), sealer, &self.clock).await
    }

    /// A connection of our own, with the rights of the broker's user.
    pub(super) async fn raw(&self) -> MultiplexedConnection {
        let root_cert = Some(std::fs::read(self.redis.ca_path()).unwrap());
        let certificates = redis::TlsCertificates { client_tls: None, root_cert };
        let client = redis::Client::build_with_tls(self.redis.url(), certificates).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }
}

/// A configuration whose timeout is long enough for a busy machine.
pub(super) fn config(ca: &std::path::Path) -> RedisCache {
    RedisCache {
        url: SecretRef::Env("UNUSED".to_owned()),
        ca: Some(ca.to_owned()),
        sentinel_master: None,
        cluster: false,
        prefix: "dsn:".to_owned(),
        timeout: Span(Duration::from_secs(5)),
    }
}

pub(super) async fn connect(config: RedisCache, url: &str, sealer: Sealer, clock: &ManualClock) -> Cache {
    let url = Some(Secret::new(url));
    let (clock, entropy) = (Arc::new(clock.clone()), Arc::new(SystemEntropy));
    Cache::connect(&Config::Redis(config), url, Arc::new(sealer), clock, entropy).await.unwrap()
}

pub(super) fn clock() -> ManualClock {
    ManualClock::new(Timestamp::from_timestamp(1_900_000_000, 0).unwrap())
}

/// A sealer with keys of one repeated byte each.
pub(super) fn sealer(keys: &[(&str, u8)]) -> Sealer {
    let key = |byte: u8| Secret::new(base64::engine::general_purpose::STANDARD.encode([byte; 32]));
    Sealer::new(keys.iter().map(|(id, byte)| ((*id).to_owned(), key(*byte))).collect()).unwrap()
}

pub(super) fn key(name: &str) -> CacheKey {
    CacheKey::new(&["test", name])
}

/// An entry that was issued now and lives for so long.
pub(super) fn entry(clock: &ManualClock, life: Duration) -> Arc<Entry> {
    let now = clock.now();
    let times = Times {
        issued_at: now,
        refresh_after: now + life / 2,
        expires_at: now + life,
        max_expires_at: now + life,
    };
    let credential = Credential::new("v-orders-abc", Secret::new(PASSWORD));
    Arc::new(Entry::new(LeaseId::new(now, &SystemEntropy), credential, times))
}

pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Asks again and again until it is so: messages and reconnections take their time.
pub(super) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking)
        .await
        .unwrap_or_else(|_| panic!("not in time: {what}"));
}

/// Sends a command past the cache.
pub(super) async fn raw<T: FromRedisValue>(connection: &mut MultiplexedConnection, words: &[&str]) -> T {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(word);
    }
    command.query_async(connection).await.unwrap()
}
