//! Pools through a hundred rotations and three deaths of the broker, under constant load: not one failed query.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use dsn_broker_sdk::{Connect, KeptPool};
use sqlx::pool::PoolOptions;
use sqlx::{Executor, IntoArguments, MySql, Postgres, Row as _};

use super::*;

/// How many pools there are at each kind of database, with a credential each.
const POOLS: usize = 18;
/// How often all change; before each, the broker is killed.
const WAVES: usize = 3;

#[test]
fn a_hundred_rotations_and_three_restarts_fail_no_query() {
    run(async {
        let mut restarting = Restarting::start(settings().await, "40s").await;
        let settings = &restarting.process.settings;
        let broker = client(&restarting.url(), settings, application(settings));
        let (done, queries) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (mut users, mut loads) = (Vec::new(), Vec::new());
        for _ in 0..POOLS {
            let (postgres, mysql) = tokio::join!(
                broker.request("orders-request").keep(),
                broker.request("shop-writer").fresh().keep()
            );
            for (keeper, is_mysql) in [(postgres.unwrap(), false), (mysql.unwrap(), true)] {
                let seen = Arc::new(std::sync::Mutex::new(HashSet::new()));
                users.push(Arc::clone(&seen));
                let (done, queries) = (Arc::clone(&done), Arc::clone(&queries));
                loads.push(match is_mysql {
                    false => {
                        let pool = keeper
                            .sqlx_pool(PoolOptions::<Postgres>::new().max_connections(2))
                            .await
                            .unwrap();
                        tokio::spawn(load(pool, "select current_user::text", seen, done, queries))
                    }
                    true => {
                        let pool =
                            keeper.sqlx_pool(PoolOptions::<MySql>::new().max_connections(2)).await.unwrap();
                        tokio::spawn(load(pool, "select current_user()", seen, done, queries))
                    }
                });
            }
        }
        let rotations =
            || users.iter().map(|seen| seen.lock().unwrap().len().saturating_sub(1)).sum::<usize>();
        let is_over = |wave: usize| {
            loads.iter().any(tokio::task::JoinHandle::is_finished) || rotations() >= 2 * POOLS * wave
        };
        for wave in 1..=WAVES {
            let (port, settings) = restarting.kill().await;
            restarting = Restarting::again(port, settings).await;
            until(async || is_over(wave)).await;
        }
        done.store(true, Ordering::Relaxed);
        for load in loads {
            load.await.unwrap();
        }
        assert!(rotations() >= 100 && queries.load(Ordering::Relaxed) > 10_000, "{queries:?}");
        restarting.process.stop().await;
    });
}

/// Two queries at a time until all is done; the users whose sessions they were are noted.
async fn load<DB: Connect>(
    pool: KeptPool<DB>,
    query: &'static str,
    seen: Arc<std::sync::Mutex<HashSet<String>>>,
    done: Arc<AtomicBool>,
    queries: Arc<AtomicUsize>,
) where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> DB::Arguments: IntoArguments<DB>,
    String: for<'r> sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let mut times = tokio::time::interval(Duration::from_millis(20));
    while !done.load(Ordering::Relaxed) {
        times.tick().await;
        let (one, other) =
            tokio::join!(sqlx::query(query).fetch_one(&*pool), sqlx::query(query).fetch_one(&*pool));
        for row in [one, other] {
            let row = row.unwrap_or_else(|error| panic!("a query failed: {error}"));
            seen.lock().unwrap().insert(row.get::<String, _>(0));
            queries.fetch_add(1, Ordering::Relaxed);
        }
    }
    pool.close().await;
}
