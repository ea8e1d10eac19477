//! The examples, each as its users run it, on a real broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod scene;

use std::time::Duration;

use devstack::Port;
use tokio::time::{interval, timeout};

use self::scene::{ended, example, leases, run};

#[test]
fn an_application_that_starts_with_a_database_keeps_it_through_a_rotation() {
    run(async |scene| {
        let port = Port::claim().unwrap();
        let address = format!("127.0.0.1:{}", port.number());
        let application = example(scene, "axum").env("LISTEN", &address).spawn().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let get = async |path: &str| client.get(format!("http://{address}{path}")).send().await;
        until(async || get("/readyz").await.is_ok_and(|answer| answer.status() == 200)).await;
        let user = async || -> String {
            let answer = get("/orders").await.unwrap().error_for_status().expect("not one fails");
            let (user, customers): (_, Vec<String>) = answer.json().await.unwrap();
            assert!(customers.contains(&"Ada".to_owned()), "{customers:?}");
            user
        };
        let first = user().await;
        until(async || user().await != first).await;
        ended(application).await;
    });
}

#[test]
fn a_worker_goes_on_through_a_rotation_and_leaves_no_credential_behind() {
    run(async |scene| {
        let orders = scene.world().orders();
        let number = async |query: &str| -> i64 {
            orders.query_text("orders", query).await.unwrap().trim().parse().unwrap()
        };
        let done = async || number("select sum(quantity) from app.orders").await;
        let before = done().await;
        let worker = example(scene, "worker").spawn().unwrap();
        until(async || done().await > before).await;
        until(async || leases(scene, "orders-writer").await.len() > 1).await;
        let between = done().await;
        until(async || done().await > between).await;
        ended(worker).await;
        assert_eq!(leases(scene, "orders-writer").await[0], "released", "it ends with the worker");
    });
}

#[test]
fn a_migration_has_a_role_of_its_own_and_leaves_nothing_that_is_its_users() {
    run(async |scene| {
        for _ in 0..2 {
            let mut job = example(scene, "migrate").spawn().unwrap();
            assert!(timeout(PATIENCE, job.wait()).await.unwrap().unwrap().success());
        }
        let query = "select tableowner from pg_tables where tablename in ('parcels', '_sqlx_migrations')";
        let owners = scene.world().orders().query_text("orders", query).await.unwrap();
        assert_eq!(owners.lines().collect::<Vec<_>>(), ["orders_owner"; 2]);
        assert_eq!(leases(scene, "orders-migrator").await, ["released"; 2], "they end with the job");
    });
}

/// Looks again and again until it holds.
async fn until(holds: impl AsyncFn() -> bool) {
    let mut looks = interval(Duration::from_millis(20));
    let looking = async {
        while !holds().await {
            looks.tick().await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it did not happen");
}

/// How long anything is waited for: credentials here live for 20 seconds.
const PATIENCE: Duration = Duration::from_secs(60);
