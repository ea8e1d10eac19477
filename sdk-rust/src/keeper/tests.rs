use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tokio::time::timeout;

use super::*;
use crate::dsn::tests::{answer, with};
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
    let answer = answer(&json!({
        "lease_id": lease, "refresh_after": expires_at - TimeDelta::seconds(10), "expires_at": expires_at,
    }));
    Dsn::new(answer, date, asked)
}

/// One that has just ended.
async fn ended() -> Dsn {
    let dsn = dsn("1", Duration::from_millis(100)).unwrap();
    tokio::time::advance(Duration::from_millis(110)).await;
    dsn
}

/// A keeper that holds this, with what its task is told the news by.
fn keeper(dsn: Dsn) -> (Keeper, watch::Sender<State>) {
    let (sender, state) = watch::channel(State::new(Arc::new(dsn)));
    (Keeper { inner: Arc::new(inner(state, tokio::spawn(std::future::pending()))) }, sender)
}

fn inner(state: watch::Receiver<State>, task: JoinHandle<()>) -> Inner {
    let broker = Broker::builder("http://localhost:1").proof(Proof::text("x")).build().unwrap();
    let (order, _) = watch::channel(Order::Go);
    Inner { request: broker.request("orders-reader"), state, order, hurry: Arc::default(), task }
}

/// This comes.
fn come(sender: &watch::Sender<State>, dsn: Dsn) {
    sender.send_modify(|state| *state = state.clone().then(dsn));
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
    come(&sender, dsn("1", Duration::from_secs(90)).unwrap());
    assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err());
    assert!(!keeper.is_outdated(Duration::from_millis(40)));
    assert!(keeper.current().unwrap().remaining() > Duration::from_secs(60), "but it is known");
    come(&sender, dsn("2", Duration::from_secs(90)).unwrap());
    assert_eq!(changes.next().await.unwrap().lease_id(), "2");
    assert!(keeper.is_outdated(Duration::from_millis(40)));
}

#[tokio::test(start_paused = true)]
async fn the_same_with_another_ca_or_another_parameter_is_a_change() {
    let (keeper, sender) = keeper(dsn("1", Duration::from_secs(60)).unwrap());
    let mut changes = keeper.changes();
    for change in [json!({ "ca_pem": "another" }), json!({ "parameters": { "host": "elsewhere" } })] {
        come(&sender, with(&change).unwrap());
        let next = timeout(Duration::from_millis(50), changes.next()).await;
        assert_eq!(next.expect("it is one").unwrap().lease_id(), "1");
    }
    assert!(keeper.inner.state.borrow().before.is_empty(), "the lease is the same");
}

#[tokio::test(start_paused = true)]
async fn what_was_being_opened_when_it_changed_is_outdated_in_the_end() {
    let (keeper, sender) = keeper(dsn("1", Duration::from_secs(60)).unwrap());
    come(&sender, dsn("2", Duration::from_secs(60)).unwrap());
    let second = Duration::from_secs(1);
    tokio::time::advance(10 * second).await;
    assert!(keeper.is_outdated(11 * second), "opened before");
    assert!(!keeper.is_outdated(9 * second), "opened with one or the other");
    tokio::time::advance(25 * second).await;
    assert!(keeper.is_outdated(34 * second), "now that it can be done in peace");
    assert!(!keeper.is_outdated(4 * second));
}

#[tokio::test(start_paused = true)]
async fn what_may_have_to_be_revoked_is_what_lives_and_nobody_shares() {
    let (keeper, sender) = keeper(dsn("shared", Duration::from_secs(60)).unwrap());
    let own = |lease: &str| with(&json!({ "lease_id": lease, "shared": false })).unwrap();
    for lease in ["1", "2", "3"] {
        come(&sender, own(lease));
    }
    let before = || -> Vec<String> {
        let state = keeper.inner.state.borrow();
        state.before.iter().map(|dsn| dsn.lease_id().to_owned()).collect()
    };
    assert_eq!(before(), ["1", "2"]);
    tokio::time::advance(Duration::from_secs(70)).await;
    come(&sender, own("4"));
    assert!(before().is_empty(), "they have ended");
}

#[tokio::test(start_paused = true)]
async fn one_whose_task_is_dead_says_so() {
    let (sender, state) = watch::channel(State::new(Arc::new(dsn("1", Duration::from_millis(100)).unwrap())));
    let mut task = tokio::spawn(std::future::pending());
    task.abort();
    assert!((&mut task).await.is_err());
    let keeper = Keeper { inner: Arc::new(inner(state, task)) };
    assert!(matches!(*keeper.last_error().unwrap(), Error::Ended));
    tokio::time::advance(Duration::from_millis(110)).await;
    let ended = keeper.current().unwrap_err().to_string();
    assert!(ended.ends_with("nobody asks"), "{ended}");
    drop(sender);
}

/// A keeper whose task ends with it.
#[cfg(any(feature = "deadpool-postgres", feature = "sqlx-postgres"))]
fn ending() -> Keeper {
    let (sender, state) = watch::channel(State::new(Arc::new(dsn("1", Duration::from_secs(60)).unwrap())));
    let task = tokio::spawn(async move {
        sender.closed().await;
        std::future::pending().await
    });
    Keeper { inner: Arc::new(inner(state, task)) }
}

#[cfg(feature = "sqlx-postgres")]
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_ends_its_keeper() {
    let keeper = ending();
    let mut changes = keeper.changes();
    let pool = keeper.sqlx_pool(sqlx::pool::PoolOptions::<sqlx::Postgres>::new()).await.unwrap();
    let inside = sqlx::Pool::clone(&pool);
    assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err(), "it lives");
    drop(pool);
    assert!(timeout(Duration::from_secs(20), changes.next()).await.unwrap().is_none());
    assert!(!inside.is_closed());
}

#[cfg(feature = "deadpool-postgres")]
#[tokio::test(start_paused = true)]
async fn a_pool_of_deadpool_that_is_dropped_ends_its_keeper() {
    let keeper = ending();
    let mut changes = keeper.changes();
    let pool = keeper.deadpool_pool(|pool| pool).unwrap();
    assert!(timeout(Duration::from_millis(50), changes.next()).await.is_err(), "it lives");
    drop(pool);
    assert!(timeout(Duration::from_secs(20), changes.next()).await.unwrap().is_none());
}
