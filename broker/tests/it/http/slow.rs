//! Clients that take their time, or all of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use tokio::time::Instant;

use super::assert_problem;
use crate::stand::{Heard, Process, Settings, Stand, Wire, run, unique, until, world};

fn head(token: &str, start: &str, lines: &str) -> String {
    format!("{start} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{lines}\r\n")
}

#[test]
fn who_does_not_take_its_answers_is_cut_off() {
    run(async {
        let mut settings = Settings::new(world().await, &unique()).await;
        settings.config["server"]["limits"]["request_timeout"] = "3s".into();
        let process = Process::ready(settings).await;
        process.get("app-orders", &process.dsn("orders-reader")).await.ok();
        let before = process.sockets();
        // Large answers that anyone can have, and some that operators can.
        let token = process.token("operator");
        let plain = head(&token, "GET /openapi.json", "");
        let export = head(&token, "GET /v1/audit", "accept: application/x-ndjson\r\n");
        let greedy = join_all((0..20).map(async |number| {
            let mut wire = Wire::with_room(&process.settings, &process.url, b"http/1.1", 4096).await;
            let asked = if number % 4 == 0 { &export } else { &plain };
            wire.say(asked.repeat(300).as_bytes()).await;
            wire
        }))
        .await;
        let others = async { process.get("app-orders", &process.dsn("orders-reader")).await.ok() };
        others.await;
        // A pool may have grown by a few meanwhile.
        until(async || process.sockets() <= before + 10).await;
        drop(greedy);
        process.stop().await;
    });
}

#[test]
fn who_takes_an_answer_slowly_and_steadily_gets_all_of_it() {
    run(async {
        let mut settings = Settings::new(world().await, &unique()).await;
        settings.config["server"]["limits"]["request_timeout"] = "3s".into();
        let process = Process::ready(settings).await;
        let once = head(&process.token("operator"), "GET /openapi.json", "");
        let last = head(&process.token("operator"), "GET /v1/whoami", "connection: close\r\n");
        let mut wire = Wire::with_room(&process.settings, &process.url, b"http/1.1", 4096).await;
        wire.say((once.repeat(100) + &last).as_bytes()).await;
        let (started, mut text) = (Instant::now(), Vec::new());
        let mut times = tokio::time::interval(Duration::from_millis(10));
        while wire.take(16 * 1024, &mut text).await > 0 {
            times.tick().await;
        }
        assert!(started.elapsed() > Duration::from_secs(3), "it was not slow: {:?}", started.elapsed());
        assert_eq!(Heard::of(&text).answers(), 101);
        process.stop().await;
    });
}

#[test]
fn a_body_that_does_not_come_holds_its_caller_alone_and_not_for_long() {
    run(async {
        let stand = Stand::with(|config| {
            config["server"]["limits"]["request_timeout"] = "1s".into();
            config["server"]["limits"]["concurrency"] = 4.into();
        })
        .await;
        let token = stand.settings.token("app-orders", stand.now());
        let close = "connection: close\r\n";
        let slow =
            |token: &str, lines: &str| head(token, "POST /v1/dsn/orders-reader", &format!("{lines}{close}"));
        let exchange =
            async |text: String| Wire::exchange(&stand.settings, &stand.url, text.as_bytes()).await;
        // Who is nobody is not waited for.
        let started = Instant::now();
        for heard in join_all((0..20).map(|_| exchange(slow("x", "content-length: 1000\r\n") + "{"))).await {
            assert_eq!(heard.status, Some(401), "{}", heard.text);
        }
        assert!(started.elapsed() < Duration::from_secs(15));
        stand.caller("app-orders").get("/v1/whoami").await.ok();
        // Somebody has a place each, until the time is over; beyond that there is none.
        let full = AtomicBool::new(false);
        let held = join_all((0..4).map(|number| {
            let chunked = slow(&token, "transfer-encoding: chunked\r\n") + "1\r\n{\r\n";
            let long = slow(&token, "content-length: 1000\r\n") + "{";
            let text = if number % 2 == 0 { chunked } else { long };
            let (full, exchange) = (&full, &exchange);
            async move {
                // On a busy machine the four may come one after the other: they come again until they were there at once.
                while !full.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    let heard = exchange(text.clone()).await;
                    // Whoever asks whether all places are taken takes one meanwhile.
                    if heard.status == Some(503) {
                        continue;
                    }
                    assert_eq!(heard.status, Some(504), "{}", heard.text);
                    assert!(heard.text.contains("/problems/timeout"), "{}", heard.text);
                    assert!(started.elapsed() >= Duration::from_millis(900), "it was not waited for");
                }
            }
        }));
        let turned_away = async {
            stand
                .until(|| async {
                    let answer = stand.caller("app-orders").get("/v1/whoami").await;
                    if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                        return Err(answer.text);
                    }
                    assert_problem(&answer, "overloaded");
                    Ok(())
                })
                .await;
            full.store(true, Ordering::Relaxed);
        };
        tokio::join!(held, turned_away);
        stand.caller("app-orders").get("/v1/whoami").await.ok();
        stand.stop().await;
    });
}

#[test]
fn a_body_that_never_ends_is_refused() {
    run(async {
        let stand = Stand::start().await;
        let token = stand.settings.token("app-orders", stand.now());
        let lines = "transfer-encoding: chunked\r\nconnection: close\r\n";
        let mut wire = Wire::open(&stand.settings, &stand.url, b"http/1.1").await;
        wire.say(head(&token, "POST /v1/dsn/orders-reader", lines).as_bytes()).await;
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        // More than is thrown away. What comes after that is not taken.
        for _ in 0..80 {
            wire.say(chunk.as_bytes()).await;
        }
        let heard = Heard::of(&wire.hear().await);
        // Whoever is still sending when the other side hangs up may not hear why.
        assert!(matches!(heard.status, Some(413) | None), "{}", heard.text);
        stand.caller("app-orders").get("/v1/whoami").await.ok();
        stand.stop().await;
    });
}

#[test]
fn a_connection_that_was_of_use_once_is_not_kept_for_ever() {
    run(async {
        let stand = Stand::with(|config| config["server"]["limits"]["head_timeout"] = "300ms".into()).await;
        let token = stand.settings.token("app-orders", stand.now());
        for rest in ["", "GET /v1/whoami HTTP/1.1\r\nx-slow: "] {
            let text = head(&token, "GET /v1/whoami", "") + rest;
            let heard = Wire::exchange(&stand.settings, &stand.url, text.as_bytes()).await;
            assert_eq!(heard.status, Some(200), "{}", heard.text);
        }
        stand.stop().await;
    });
}
