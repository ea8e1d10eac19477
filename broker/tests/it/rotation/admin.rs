//! The password of the broker's own user at a database.

use dsn_broker::time::{Clock as _, ManualClock, SystemClock};

use super::*;
use crate::stand::{Process, run};

const GIVEN: &str = "Given-password-1";

/// The usual configuration, with an admin of its own.
async fn with_admin() -> (Settings, String) {
    let (mut settings, _) = settings(json!("manual")).await;
    let admin = settings.own_admin(GIVEN).await;
    (settings, admin)
}

async fn rotate_admin(stand: &Stand) -> crate::stand::Answer {
    stand.caller("operator").post("/v1/databases/orders/rotate", &json!({})).await
}

/// A new user is made, on a new connection of the broker's.
async fn mints(stand: &Stand, admin: &str) {
    let end =
        format!("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '{admin}'");
    stand.at_target(&end).await;
    let body = json!({ "fresh": true, "ca_file": stand.settings.ca_path });
    let answer = stand.caller("app-orders").post("/v1/dsn/orders-reader", &body).await.ok();
    assert!(works(&answer).await);
}

async fn logs_in(settings: &Settings, admin: &str, password: &str) -> bool {
    let url = settings.world.orders().url(admin, password, &settings.target);
    psql(&url, "select 1").await.ok
}

#[test]
fn the_brokers_own_password_is_changed_and_all_replicas_get_in() {
    run(async {
        let (settings, admin) = with_admin().await;
        let stand = Stand::on(settings).await;
        let other = Stand::at(stand.settings.replica(), stand.clock.clone()).await;
        mints(&other, &admin).await;
        let answer = rotate_admin(&stand).await.ok();
        assert_eq!(answer, json!({ "database": "orders", "role": null, "lease_id": null }));
        assert!(!logs_in(&stand.settings, &admin, GIVEN).await);
        mints(&stand, &admin).await;
        mints(&other, &admin).await;
        rotate_admin(&other).await.ok();
        mints(&stand, &admin).await;
        mints(&other, &admin).await;
        other.stop().await;
        // Whoever starts now knows it from the ledger; `check --live` too.
        let settings = stand.stop().await;
        let checked = settings.program(&["check", "--live"]).await;
        assert!(checked.ok && checked.stdout.contains("0 mistakes"), "{checked:?}");
        let stand = Stand::again(settings).await;
        mints(&stand, &admin).await;
        // Somebody changes it by hand, and says so in the configuration.
        stand.at_target(&format!("alter role {admin} password 'By-hand-1'")).await;
        let settings = stand.stop().await;
        settings.secret("admin", "By-hand-1");
        let stand = Stand::again(settings).await;
        mints(&stand, &admin).await;
        stand.stop().await;
    });
}

#[test]
fn whichever_step_a_crash_hits_the_broker_gets_in() {
    for point in dsn_broker::broker::failpoint::ADMIN_POINTS {
        run(async {
            let (settings, admin) = with_admin().await;
            settings.migrate().await;
            let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
            let call = process.client.post(format!("{}/v1/databases/orders/rotate", process.url));
            let died = call.bearer_auth(process.token("operator")).json(&json!({})).send().await.is_err();
            assert!(died, "{point}");
            let (_, settings, _) = process.ended().await;
            assert_eq!(logs_in(&settings, &admin, GIVEN).await, point == "admin.pending");

            let clock = ManualClock::new(SystemClock.now());
            let stand = Stand::at(settings, clock).await;
            mints(&stand, &admin).await;
            // It cannot be known yet that nobody is at it any more.
            let busy = rotate_admin(&stand).await;
            assert_eq!(busy.problem(), "overloaded", "{point}: {}", busy.text);
            mints(&stand, &admin).await;
            stand.clock.advance(Duration::from_secs(120));
            rotate_admin(&stand).await.ok();
            mints(&stand, &admin).await;
            assert!(!logs_in(&stand.settings, &admin, GIVEN).await);
            let settings = stand.stop().await;
            assert_eq!(settings.flaws().await, [""; 0]);
        });
    }
}

#[test]
fn a_change_that_the_database_refuses_changes_nothing() {
    run(async {
        let (settings, admin) = with_admin().await;
        let stand = Stand::on(settings).await;
        mints(&stand, &admin).await;
        // A server that is a standby, or made to look like one, takes no change.
        stand.at_target(&format!("alter role {admin} set default_transaction_read_only = on")).await;
        stand
            .at_target(&format!(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = '{admin}'"
            ))
            .await;
        let refused = rotate_admin(&stand).await;
        assert_eq!(refused.problem(), "engine-refused", "{}", refused.text);
        let pending =
            format!("select count(*) from passwords where username = '{admin}' and pending is not null");
        assert_eq!(stand.at_ledger(&pending).await, "0");
        stand.at_target(&format!("alter role {admin} reset default_transaction_read_only")).await;
        mints(&stand, &admin).await;
        rotate_admin(&stand).await.ok();
        mints(&stand, &admin).await;
        stand.stop().await;
    });
}
