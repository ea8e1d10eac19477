//! The end of a running broker.

use std::time::Duration;

use devstack::World;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::program::{configured, settings};
use crate::stand::{Answer, Process, Settings, Target, run, unique, until};

#[test]
fn a_request_in_flight_is_finished_and_the_audit_stream_is_closed() {
    run(async {
        let mut settings = settings().await;
        let target = Target::start().await;
        settings.config["databases"]["orders"] = target.config(&settings);
        let target = target.server;
        let served = Process::ready(settings).await;
        served.get("app-a", &served.dsn("orders-reader")).await.ok();
        target.pause().await.unwrap();
        let request = served.request("app-a", Method::GET, &served.dsn("orders-request"));
        let in_flight = tokio::spawn(Answer::of(request));
        until(async || {
            served.settings.ask_ledger("select count(*) from leases where state = 'pending'").await.trim()
                == "1"
        })
        .await;

        served.signal("TERM").await;
        served.said(0, |line| line["message"] == "stopping: requests in flight are finished first").await;
        let client = served.client.clone();
        until(async || {
            client
                .get(format!("{}/v1/whoami", served.url))
                .send()
                .await
                .is_err_and(|error| error.is_connect())
        })
        .await;
        assert!(!in_flight.is_finished());
        target.resume().await.unwrap();
        in_flight.await.unwrap().ok();

        let (status, settings, log) = served.ended().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        let closed = "select count(*) from audit_events where action = 'stream.closed'";
        assert_eq!(settings.world.ledger().query_text(&settings.ledger, closed).await.unwrap().trim(), "1");
        let verified = configured(&settings, &["audit", "verify"]).await;
        assert!(verified.stdout.contains("the chain is whole"), "{verified:?}");
        target.end().await.unwrap();
    });
}

#[test]
fn a_ledger_that_hangs_does_not_keep_it_from_ending() {
    run(async {
        let started = World::builder().durable(false).start().await.unwrap();
        let world: &'static World = Box::leak(Box::new(started));
        let mut settings = Settings::new(world, &unique()).await;
        settings.config["ledger"]["timeout"] = json!("1s");
        settings.config["server"]["grace"] = json!("1s");
        let served = Process::ready(settings).await;
        served.get("app-a", &served.dsn("orders-reader")).await.ok();
        world.ledger().pause().await.unwrap();
        served.signal("TERM").await;
        // Waiting for its end has a limit of its own, far above these.
        let (status, _settings, log) = served.ended().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        for server in [world.ledger(), world.orders()] {
            server.kill().await.unwrap();
        }
        world.redis().kill().await.unwrap();
    });
}

#[test]
fn a_request_that_does_not_end_is_cut_off_after_the_grace() {
    run(async {
        let mut settings = settings().await;
        let target = Target::start().await;
        settings.config["databases"]["orders"] = target.config(&settings);
        let target = target.server;
        settings.config["server"]["grace"] = json!("300ms");
        settings.config["databases"]["orders"]["timeout"] = json!("1h");
        settings.config["server"]["limits"]["request_timeout"] = json!("1h");
        let served = Process::ready(settings).await;
        served.get("app-a", &served.dsn("orders-reader")).await.ok();
        target.pause().await.unwrap();
        let request = served.request("app-a", Method::GET, &served.dsn("orders-request"));
        let in_flight = tokio::spawn(request.send());
        until(async || {
            served.settings.ask_ledger("select count(*) from leases where state = 'pending'").await.trim()
                == "1"
        })
        .await;

        let told = Instant::now();
        served.signal("TERM").await;
        let (status, _, log) = served.ended().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
        assert!(in_flight.await.unwrap().is_err());
        target.end().await.unwrap();
    });
}

#[test]
fn an_idle_connection_holds_nothing_up() {
    run(async {
        let served = Process::ready(settings().await).await;
        let client = served.client.clone();
        let _kept =
            client.get(format!("{}/openapi.json", served.url)).send().await.unwrap().bytes().await.unwrap();
        let told = Instant::now();
        served.signal("INT").await;
        let (status, _, log) = served.ended().await;
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    });
}
