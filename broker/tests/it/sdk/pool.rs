//! Pools through a hundred rotations and three deaths of the broker, under constant load: not one failed query.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dsn_broker_sdk::{Connect, Keeper, KeptPool};
use sqlx::pool::PoolOptions;
use sqlx::{Executor, IntoArguments, MySql, Postgres, Row as _};

use super::*;

/// How many pools there are of each kind, with a credential each.
const POOLS: usize = 12;
/// How often all change; before each, the broker is killed.
const WAVES: usize = 3;

#[test]
fn a_hundred_rotations_and_three_restarts_fail_no_query() {
    run(async {
        let mut restarting = Restarting::start(settings().await, "40s").await;
        let settings = &restarting.process.settings;
        let broker = client(&restarting.url(), settings, application(settings));
        let done = Arc::new(AtomicBool::new(false));
        let (mut seen, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..POOLS {
            let of_postgres = || broker.request("orders-request").keep();
            let (sqlx, deadpool, mysql) =
                tokio::join!(of_postgres(), of_postgres(), broker.request("shop-writer").fresh().keep());
            let mut load = || {
                let load = Load { seen: Arc::default(), queries: Arc::default(), done: Arc::clone(&done) };
                seen.push(load.clone());
                load
            };
            loads.extend([
                tokio::spawn(load().sqlx::<Postgres>(sqlx.unwrap(), "select current_user::text")),
                tokio::spawn(load().deadpool(deadpool.unwrap(), "select current_user::text")),
                tokio::spawn(load().sqlx::<MySql>(mysql.unwrap(), "select current_user()")),
            ]);
        }
        let changed = |times: usize| seen.iter().all(|load| load.rotations() >= times);
        for wave in 1..=WAVES {
            let (port, settings) = restarting.kill().await;
            restarting = Restarting::again(port, settings).await;
            until(async || loads.iter().any(tokio::task::JoinHandle::is_finished) || changed(wave)).await;
        }
        done.store(true, Ordering::Relaxed);
        for load in loads {
            load.await.unwrap();
        }
        let rotations: usize = seen.iter().map(Load::rotations).sum();
        let queries: usize = seen.iter().map(|load| load.queries.load(Ordering::Relaxed)).sum();
        assert!(rotations >= 100 && queries > 10_000, "{rotations} rotations, {queries} queries");
        restarting.process.stop().await;
    });
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn a_pool_of_deadpool_closes_what_nobody_uses_and_asks_when_it_is_let_in_no_more() {
    run(async {
        let stand = Stand::start().await;
        let broker = client(&stand.url, &stand.settings, application(&stand.settings));
        let keeper = broker.keep("orders-reader").await.unwrap();
        let pool = keeper.clone().deadpool_pool(|pool| pool.max_size(2)).unwrap();
        let user = async || -> Result<String, Failed> {
            Ok(pool.get().await?.query_one("select current_user::text", &[]).await?.get(0))
        };
        let first = user().await.unwrap();
        broker.revoke(keeper.current().unwrap().lease_id()).await.unwrap();
        until(async || user().await.is_ok_and(|user| user != first)).await;

        let keeper = broker.keep("orders-request").await.unwrap();
        let pool = keeper.clone().deadpool_pool(|pool| pool.max_size(2)).unwrap();
        drop(pool.get().await.unwrap());
        assert_eq!(pool.status().size, 1);
        keeper.refresh();
        until(async || pool.status().size == 0).await;
        stand.stop().await;
    });
}

/// Two queries at a time until all is done; the users whose sessions they were are noted.
#[derive(Clone)]
struct Load {
    seen: Arc<std::sync::Mutex<HashSet<String>>>,
    queries: Arc<AtomicUsize>,
    done: Arc<AtomicBool>,
}

impl Load {
    async fn sqlx<DB: Connect>(self, keeper: Keeper, query: &'static str)
    where
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        DB::Connection: Send,
        for<'q> DB::Arguments: IntoArguments<DB>,
        String: for<'r> sqlx::Decode<'r, DB> + sqlx::Type<DB>,
        usize: sqlx::ColumnIndex<DB::Row>,
    {
        let pool = keeper.sqlx_pool(PoolOptions::<DB>::new().max_connections(2)).await.unwrap();
        let pool: Arc<KeptPool<DB>> = Arc::new(pool);
        let asked = Arc::clone(&pool);
        let ask = move || {
            let pool = Arc::clone(&asked);
            async move { Ok(sqlx::query(query).fetch_one(&**pool).await?.get::<String, _>(0)) }
        };
        self.run(ask).await;
        pool.close().await;
    }

    async fn deadpool(self, keeper: Keeper, query: &'static str) {
        let pool = keeper.deadpool_pool(|pool| pool.max_size(2)).unwrap();
        let ask = move || {
            let pool = pool.clone();
            async move { Ok(pool.get().await?.query_one(query, &[]).await?.get(0)) }
        };
        self.run(ask).await;
    }

    async fn run<F: Future<Output = Result<String, Failed>>>(self, ask: impl Fn() -> F) {
        let mut times = tokio::time::interval(Duration::from_millis(20));
        while !self.done.load(Ordering::Relaxed) {
            times.tick().await;
            let (one, other) = tokio::join!(ask(), ask());
            for user in [one, other] {
                let user = user.unwrap_or_else(|error| panic!("a query failed: {error}"));
                self.seen.lock().unwrap().insert(user);
                self.queries.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// How often it was another user than before.
    fn rotations(&self) -> usize {
        self.seen.lock().unwrap().len().saturating_sub(1)
    }
}
