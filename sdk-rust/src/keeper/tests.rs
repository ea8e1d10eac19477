use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::{Broker, Proof};

fn dsn(lease: &str, left: Duration) -> Result<Dsn, Error> {
    let expires_at = now() + TimeDelta::from_std(left).unwrap();
    answered(lease, expires_at, None, Instant::now())
}

fn answered(
    lease: &str,
    expires_at: DateTime<Utc>,
    date: Option<DateTime<Utc>>,
    asked: Instant,
) -> Result<Dsn, Error> {
    let answer = json!({
        "lease_id": lease, "role": "orders-reader", "database": "orders", "engine": "postgres",
        "endpoint": "primary", "format": "json", "dsn": "text", "ca_pem": null, "shared": true,
        "parameters": {
            "host": "localhost", "port": 5432, "user": "user", "password": "hidden", "dbname": "orders",
            "sslmode": "disable",
        },
        "refresh_after": expires_at - TimeDelta::seconds(10), "expires_at": expires_at,
    });
    Dsn::new(serde_json::from_value(answer).unwrap(), date, asked)
}

/// One that has just ended.
async fn ended() -> Dsn {
    let dsn = dsn("1", Duration::from_millis(100)).unwrap();
    tokio::time::advance(Duration::from_millis(110)).await;
    dsn
}

/// A keeper that holds this, with what its task is told the news by.
fn keeper(dsn: Dsn) -> (Keeper, watch::Sender<State>) {
    let broker = Broker::builder("http://localhost:1").proof(Proof::text("x")).build().unwrap();
    let (sender, state) = watch::channel(State { dsn: Arc::new(dsn), last_error: None });
    let task = tokio::spawn(std::future::pending());
    (Keeper { request: broker.request("orders-reader"), state, stop: watch::channel(false).0, task }, sender)
}

#[test]
fn an_answer_counts_from_when_it_was_asked_for_by_the_brokers_clock() {
    let (broker, asked) = (now() - TimeDelta::hours(1), Instant::now() - Duration::from_secs(5));
    let dsn = answered("1", broker + TimeDelta::seconds(20), Some(broker), asked).unwrap();
    assert!((12..=14).contains(&dsn.remaining().as_secs()), "{:?}", dsn.remaining());
    let ended = answered("1", broker + TimeDelta::seconds(6), Some(broker), asked).unwrap_err();
    assert!(matches!(ended, Error::Answer(_)), "{ended}");
}

#[tokio::test(start_paused = true)]
async fn it_asks_again_before_the_end_and_waits_for_as_long_as_the_broker_wants() {
    let (long, short) =
        (dsn("1", Duration::from_secs(3600)).unwrap(), dsn("1", Duration::from_secs(20)).unwrap());
    let ended = ended().await;
    for _ in 0..100 {
        assert!((750..=1000).contains(&pause(1, &long, None).as_millis()));
        assert!((22..=30).contains(&pause(40, &long, None).as_secs()));
        assert!(pause(40, &short, None) <= Duration::from_secs(5));
        assert!((3..=5).contains(&pause(40, &ended, None).as_secs()));
        assert!((60..=75).contains(&pause(1, &short, Some(Duration::from_secs(60))).as_secs()));
        assert!(pause(1, &short, Some(Duration::MAX)) < 2 * DAY);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_not_asked_for_without_a_pause() {
    let ended = ended().await;
    let began = Instant::now();
    refresh(&ended).await;
    assert!(began.elapsed() >= LEAST);
}

#[tokio::test(start_paused = true)]
async fn the_same_for_longer_is_no_change() {
    let (keeper, sender) = keeper(dsn("1", Duration::from_secs(60)).unwrap());
    let mut changes = keeper.changes();
    sender
        .send_replace(State { dsn: Arc::new(dsn("1", Duration::from_secs(90)).unwrap()), last_error: None });
    assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err());
    assert!(keeper.current().unwrap().remaining() > Duration::from_secs(60), "but it is known");
    sender
        .send_replace(State { dsn: Arc::new(dsn("2", Duration::from_secs(90)).unwrap()), last_error: None });
    assert_eq!(changes.next().await.unwrap().lease_id(), "2");
}

#[tokio::test(start_paused = true)]
async fn one_whose_task_is_dead_says_so() {
    let (mut keeper, _sender) = keeper(dsn("1", Duration::from_millis(100)).unwrap());
    keeper.task.abort();
    assert!((&mut keeper.task).await.is_err());
    assert!(matches!(*keeper.last_error().unwrap(), Error::Ended));
    tokio::time::advance(Duration::from_millis(110)).await;
    let ended = keeper.current().unwrap_err().to_string();
    assert!(ended.ends_with("nobody asks"), "{ended}");
}

#[cfg(feature = "sqlx-postgres")]
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_ends_its_keeper() {
    let (mut keeper, sender) = keeper(dsn("1", Duration::from_secs(60)).unwrap());
    // What the keeper's own task holds ends with it.
    keeper.task.abort();
    keeper.task = tokio::spawn(async move {
        sender.closed().await;
        std::future::pending().await
    });
    let mut changes = keeper.changes();
    let pool = keeper.sqlx_pool(sqlx::pool::PoolOptions::<sqlx::Postgres>::new()).await.unwrap();
    let inside = sqlx::Pool::clone(&pool);
    assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err(), "it lives");
    drop(pool);
    assert!(timeout(Duration::from_secs(20), changes.next()).await.unwrap().is_none());
    assert!(!inside.is_closed());
}
