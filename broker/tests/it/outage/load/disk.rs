//! A ledger whose disk is full takes no record, so nothing is delivered; it heals when there is room again.
//!
//! The disk is real, and so is its being full: no error is feigned. Where the machine lets nobody have a disk of their
//! own, these tests fail and say so.

use devstack::{Part, World};
use tokio::time::Instant;

use super::ledger::is_refused;
use super::{USUAL, end, own_world};
use crate::stand::{Load, Noted, Process, run, until};

#[test]
fn while_the_disk_of_the_ledger_is_full_nothing_is_delivered_without_a_record() {
    run(async {
        let settings = own_world(World::builder().ledger_disk(Part::Tables, 64 << 20)).await;
        let server = settings.world.ledger();
        let process = Process::ready(settings).await;
        let load = Load::on(&[&process], &USUAL).await;
        for _ in 0..2 {
            server.fill_disk().await.unwrap();
            // The last pages have some room left.
            load.until(4, "full", is_refused).await;
            until(async || process.readyz().await == 503).await;
            let failures = process.metric("dsn_broker_ledger_failures_total").await.unwrap();
            load.until(2, "still full", is_refused).await;
            assert!(process.metric("dsn_broker_ledger_failures_total").await.unwrap() > failures);
            server.free_disk().await.unwrap();
            let room = Instant::now();
            load.until(4, "room again", Noted::is_served).await;
            until(async || process.readyz().await == 200).await;
            assert!(load.since(room).iter().all(|noted| noted.is_served() || is_refused(noted)));
        }
        assert!(server.log().contains("No space left on device"));
        let all = load.end().await;
        assert!(all.iter().all(|noted| noted.is_served() || is_refused(noted)), "{all:#?}");
        process.settings.assert_recorded(&all).await;
        end(process.stop().await.0).await;
    });
}

#[test]
fn a_ledger_that_went_down_because_its_log_had_no_room_heals_when_it_is_started_again() {
    run(async {
        let settings = own_world(World::builder().ledger_disk(Part::Log, 64 << 20)).await;
        let server = settings.world.ledger();
        let process = Process::ready(settings).await;
        let load = Load::on(&[&process], &USUAL).await;
        server.fill_disk().await.unwrap();
        // The segment in use is there in full; the next one is not.
        let _ = server.execute("postgres", "select pg_switch_wal()").await;
        load.until(4, "down", is_refused).await;
        until(async || process.readyz().await == 503).await;
        assert!(server.log().contains("PANIC") && server.log().contains("No space left on device"));
        server.free_disk().await.unwrap();
        server.restart().await.unwrap();
        load.until(4, "up again", Noted::is_served).await;
        until(async || process.readyz().await == 200).await;
        let all = load.end().await;
        assert!(all.iter().all(|noted| noted.is_served() || is_refused(noted)), "{all:#?}");
        process.settings.assert_recorded(&all).await;
        end(process.stop().await.0).await;
    });
}
