//! Rotation after rotation, with the broker killed at random, while a client goes on connecting.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use dsn_broker::entropy::{SystemEntropy, bytes};
use dsn_broker::time::{Clock as _, ManualClock, SystemClock};
use sqlx::{Connection as _, PgConnection};
use tokio::runtime::Runtime;

use super::*;
use crate::stand::{run, until};

const TTL: Duration = Duration::from_secs(60);
const ROTATIONS: u32 = 100;

/// A broker that can be killed: all that it does is dropped where it stands.
struct Mortal {
    runtime: Runtime,
    stand: Arc<Stand>,
}

impl Mortal {
    async fn start(settings: &Settings, clock: &ManualClock) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (replica, clock) = (settings.replica(), clock.clone());
        let stand = runtime.spawn(async move { Arc::new(Stand::at(replica, clock).await) }).await.unwrap();
        Self { runtime, stand }
    }

    fn kill(self) {
        self.runtime.shutdown_background();
    }
}

/// What the client has: a DSN, and when it was fetched.
type Held = Mutex<Option<(String, Timestamp)>>;

/// Connects every 50 ms with what is held; a refusal is a failure while what was promised is not over.
async fn connect_for_ever(held: &Held, clock: &ManualClock, done: &AtomicBool, logins: &AtomicU32) {
    let mut times = tokio::time::interval(Duration::from_millis(50));
    while !done.load(Ordering::Relaxed) {
        times.tick().await;
        let Some((dsn, fetched)) = held.lock().unwrap().clone() else { continue };
        match PgConnection::connect(&dsn).await {
            Ok(session) => {
                logins.fetch_add(1, Ordering::Relaxed);
                session.close().await.unwrap();
            }
            Err(error) => {
                let age = clock.now() - fetched;
                assert!(age.to_std().unwrap() >= TTL, "{error}: fetched {age} ago");
            }
        }
    }
}

/// Fetches, if the broker is there, as an application does that is told to ask again.
async fn fetch_into(held: &Held, stand: &Stand) {
    let caller = stand.caller("app-orders");
    let now = stand.now();
    let request = caller.request(reqwest::Method::GET, &caller.dsn_path("orders-rotated"));
    let Ok(response) = request.send().await else { return };
    if response.status().is_success()
        && let Ok(answer) = response.json::<Value>().await
    {
        *held.lock().unwrap() = Some((answer["dsn"].as_str().unwrap().to_owned(), now));
    }
}

#[test]
fn through_a_hundred_rotations_and_deaths_no_password_is_refused_that_was_promised() {
    run(async {
        let (settings, _) = settings(json!("manual")).await;
        let settings = {
            let mut settings = settings;
            settings.merge(&json!({ "roles": { "orders-rotated": { "ttl": "60s" } } }));
            settings
        };
        settings.migrate().await;
        let clock = ManualClock::new(SystemClock.now());
        let (held, done, logins) = (Held::default(), AtomicBool::new(false), AtomicU32::new(0));
        let rotating = async {
            let mut broker = Mortal::start(&settings, &clock).await;
            let (mut rotated, mut deaths) = (0, 0);
            while rotated < ROTATIONS {
                fetch_into(&held, &broker.stand).await;
                let stand = broker.stand.clone();
                let call = tokio::spawn(async move {
                    let body = json!({ "role": "orders-rotated" });
                    let operator = stand.caller("operator");
                    let request = operator.request(reqwest::Method::POST, "/v1/databases/orders/rotate");
                    request.json(&body).send().await.is_ok_and(|answer| answer.status().is_success())
                });
                let [chance, moment] = bytes(&SystemEntropy);
                if chance < 50 {
                    // Somewhere in it, before, or after.
                    tokio::time::sleep(Duration::from_millis(u64::from(moment) / 4)).await;
                    broker.kill();
                    deaths += 1;
                    broker = Mortal::start(&settings, &clock).await;
                }
                if call.await.unwrap() {
                    rotated += 1;
                }
                // What was fetched before the rotation is used on for half of what was promised.
                clock.advance(TTL / 2);
                let seen = logins.load(Ordering::Relaxed);
                until(async || logins.load(Ordering::Relaxed) >= seen + 2).await;
                fetch_into(&held, &broker.stand).await;
                // Past what was promised of the one before, and past the deadline of what a death left pending.
                clock.advance(TTL / 2);
            }
            done.store(true, Ordering::Relaxed);
            broker.kill();
            deaths
        };
        let (deaths, ()) = tokio::join!(rotating, connect_for_ever(&held, &clock, &done, &logins));
        assert!(deaths > 0);
    });
}
