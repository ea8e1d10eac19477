//! Without the ledger nothing leaves the broker.

use std::process::Stdio;
use std::time::Duration;

use devstack::{Link, World};
use futures_util::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::until_status;
use crate::stand::{Settings, Stand, psql, run, unique, world};

/// A stand whose ledger is on a server of its own.
async fn stand() -> Stand {
    let world = Box::leak(Box::new(World::builder().durable(false).start().await.unwrap()));
    let mut settings = Settings::new(world, &unique()).await;
    settings.config["ledger"]["timeout"] = "2s".into();
    Stand::on(settings).await
}

async fn end(stand: Stand) {
    let settings = stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0], "the chain is whole");
    let world = settings.world;
    world.ledger().end().await.unwrap();
    world.orders().end().await.unwrap();
    world.redis().end().await.unwrap();
}

/// What callers get meanwhile: no DSN, and a time to come back.
async fn nothing_is_delivered(stand: &Stand) {
    let caller = stand.caller("app-orders");
    let roles = ["orders-reader", "orders-request", "orders-everyone"];
    let answers = join_all(roles.iter().map(|role| async { caller.get(&caller.dsn_path(role)).await })).await;
    for answer in answers {
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (503, "ledger-unavailable"),
            "{}",
            answer.text
        );
        assert_eq!(answer.headers["retry-after"], "2");
        assert!(!answer.text.contains("postgres"), "{}", answer.text);
    }
}

#[test]
fn a_ledger_that_is_stopped_and_killed_stops_deliveries_until_it_is_back() {
    run(async {
        let stand = stand().await;
        let before = stand.caller("app-orders").dsn("orders-reader").await;
        for round in 0..2 {
            match round {
                0 => stand.settings.world.ledger().stop().await.unwrap(),
                _ => stand.settings.world.ledger().kill().await.unwrap(),
            }
            nothing_is_delivered(&stand).await;
            let ready = stand.client.get(format!("{}/readyz", stand.admin_url)).send().await.unwrap();
            assert_eq!(ready.status(), 503);
            assert!(
                psql(before["dsn"].as_str().unwrap(), "select 1").await.ok,
                "what was delivered works on"
            );
            stand.settings.world.ledger().restart().await.unwrap();
            let after = until_status(&stand, "orders-reader", 200).await.json();
            assert_eq!(after["lease_id"], before["lease_id"], "the cache was there all the time");
        }
        stand.caller("app-orders").dsn("orders-request").await;
        end(stand).await;
    });
}

#[test]
fn a_ledger_that_hangs_stops_deliveries_until_it_goes_on() {
    run(async {
        let stand = stand().await;
        stand.caller("app-orders").dsn("orders-reader").await;
        stand.settings.world.ledger().pause().await.unwrap();
        let started = tokio::time::Instant::now();
        nothing_is_delivered(&stand).await;
        assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
        stand.settings.world.ledger().resume().await.unwrap();
        until_status(&stand, "orders-reader", 200).await;
        until_status(&stand, "orders-request", 200).await;
        end(stand).await;
    });
}

#[test]
fn without_the_ledger_the_metrics_say_so_and_for_how_long_the_audit_is_unsigned() {
    run(async {
        let stand = stand().await;
        stand.caller("app-orders").dsn("orders-reader").await;
        let show = async |up: &str, lag: fn(f64) -> bool| {
            stand
                .until(|| async {
                    // The gauges and the signature come by time.
                    stand.clock.advance(Duration::from_secs(60));
                    let text = reqwest::get(format!("{}/metrics", stand.admin_url))
                        .await
                        .unwrap()
                        .text()
                        .await
                        .unwrap();
                    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                    let lags = lag(value("dsn_broker_audit_lag_seconds ").parse().unwrap());
                    if value("dsn_broker_ledger_up ") == up && lags { Ok(()) } else { Err(text) }
                })
                .await;
        };
        show("1", |lag| lag == 0.0).await;
        stand.settings.world.ledger().stop().await.unwrap();
        nothing_is_delivered(&stand).await;
        show("0", |lag| lag > 120.0).await;
        stand.settings.world.ledger().restart().await.unwrap();
        show("1", |lag| lag == 0.0).await;
        end(stand).await;
    });
}

#[test]
fn what_was_begun_when_the_ledger_died_is_undone() {
    run(async {
        let stand = stand().await;
        let caller = stand.caller("app-orders");
        caller.dsn("orders-request").await;
        let minting = join_all((0..20).map(|_| caller.dsn_path("orders-request")).map(|path| {
            let caller = caller.clone();
            async move { caller.get(&path).await.status.as_u16() }
        }));
        let world = stand.settings.world;
        let (statuses, killed) = tokio::join!(minting, world.ledger().kill());
        killed.unwrap();
        world.ledger().restart().await.unwrap();
        until_status(&stand, "orders-reader", 200).await;
        let delivered = statuses.iter().filter(|status| **status == 200).count();
        assert!(stand.count("lease.delivered").await >= delivered + 2, "each that was received is on record");
        // Past the deadline of all that is pending.
        stand
            .until(|| async {
                stand.clock.advance(Duration::from_secs(10));
                let live = stand.at_ledger("select count(*) from leases where due_at is not null").await;
                let pending = stand.at_ledger("select count(*) from leases where state = 'pending'").await;
                let users = stand.users().await.len().to_string();
                if pending == "0" && users == live {
                    Ok(())
                } else {
                    Err(format!("{users} {live} {pending}"))
                }
            })
            .await;
        end(stand).await;
    });
}

#[test]
fn a_replica_that_is_cut_off_in_a_transaction_does_not_hold_its_locks_for_long() {
    run(async {
        let mut settings = Settings::new(world().await, &unique()).await;
        let port = settings.world.ledger().port();
        let link = Link::to(port).await.unwrap();
        let url = settings.writer_url.replace(&format!(":{port}/"), &format!(":{}/", link.port()));
        settings.config["ledger"]["url"] = settings.secret("ledger", &url);
        settings.config["ledger"]["timeout"] = "3s".into();
        let stand = Stand::on(settings).await;
        let lease = stand.caller("app-orders").dsn("orders-reader").await["lease_id"].clone();
        let lease = lease.as_str().unwrap();

        // Somebody holds the row, so that the transaction of the revocation waits in the middle.
        let superuser = stand
            .settings
            .world
            .ledger()
            .superuser_url()
            .replace("/postgres?", &format!("/{}?", stand.settings.ledger));
        let mut holder =
            Command::new("psql").args(["-Xq", &superuser]).stdin(Stdio::piped()).spawn().unwrap();
        let mut orders = holder.stdin.take().unwrap();
        let hold = format!("begin; update leases set attempts = attempts where id = '{lease}';\n");
        orders.write_all(hold.as_bytes()).await.unwrap();
        let sessions = async |state: &str| {
            let query = format!(
                "select count(*) from pg_stat_activity where datname = current_database() and {state}"
            );
            stand.at_ledger(&query).await
        };
        let until = async |state: &str, count: &str| {
            stand
                .until(|| async {
                    let found = sessions(state).await;
                    if found == count { Ok(()) } else { Err(format!("{state}: {found}")) }
                })
                .await;
        };
        until("usename = 'postgres' and state = 'idle in transaction'", "1").await;
        let caller = stand.caller("app-orders");
        let path = format!("/v1/leases/{lease}");
        let cut_off = async {
            until("usename = 'ledger_writer' and wait_event_type = 'Lock'", "1").await;
            link.cut();
            drop(orders);
            holder.wait().await.unwrap();
            until("usename = 'ledger_writer' and state = 'idle in transaction'", "1").await;
            until("usename = 'ledger_writer' and state = 'idle in transaction'", "0").await;
            stand.at_ledger(&format!("update leases set attempts = attempts where id = '{lease}'")).await;
        };
        let (answer, ()) = tokio::join!(caller.delete(&path), cut_off);
        assert_eq!(answer.problem(), "ledger-unavailable");
        link.mend();
        stand
            .until(|| async {
                let answer = caller.delete(&path).await;
                if answer.status == 200 { Ok(()) } else { Err(answer.text) }
            })
            .await;
        let settings = stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}
