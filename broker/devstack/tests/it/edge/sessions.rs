//! Sessions from outside: counted, ended, cancelled; and the door.

use std::time::Duration;

use devstack::{Backend, Door, Edge, Opening, Refusal, Upstream};

use super::client::Client;
use super::{Stage, WHO, rewritten};
use crate::process::eventually;
use crate::program::{psql, psql_fails};

#[tokio::test]
async fn sessions_are_ended_with_the_words_of_a_server_that_stops() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let (mut idle, _) = Client::ready(&edge, &stage.ca).await;
    let (mut busy, _) = Client::ready(&edge, &stage.ca).await;
    busy.query("select pg_sleep(600)").await;
    assert_eq!(edge.sessions(), 2);
    assert_eq!(edge.end_sessions(&Refusal::shutdown(), |opening| opening.user == "other"), 0);
    assert_eq!(edge.end_sessions(&Refusal::shutdown(), |opening| opening.user == "app.branch"), 2);
    assert_eq!(edge.sessions(), 0);
    for client in [&mut idle, &mut busy] {
        let words = "terminating connection due to administrator command";
        assert_eq!(client.error().await, ["FATAL", "57P01", words]);
        client.ended().await;
    }
    at_server(&stage, "0", "").await;
    Client::ready(&edge, &stage.ca).await;
}

#[tokio::test]
async fn a_session_that_the_client_ends_is_forgotten() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let (client, _) = Client::ready(&edge, &stage.ca).await;
    assert_eq!(edge.sessions(), 1);
    drop(client);
    eventually("the session is forgotten", || edge.sessions() == 0).await;
}

#[tokio::test]
async fn a_session_that_the_server_ends_hears_of_it() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let (mut client, _) = Client::ready(&edge, &stage.ca).await;
    let end = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'";
    stage.server.execute("postgres", end).await.unwrap();
    assert_eq!(client.error().await[1], "57P01");
    client.ended().await;
    eventually("the session is forgotten", || edge.sessions() == 0).await;
}

#[tokio::test]
async fn a_statement_is_cancelled_through_the_edge() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let (mut client, key) = Client::ready(&edge, &stage.ca).await;
    client.query("select pg_sleep(600)").await;
    at_server(&stage, "1", "and state = 'active'").await;
    // Of an unknown session, without TLS, and over TLS.
    Client::plain(&edge).await.packet(1234, 5678, b"\0\0\0\x01\0\0\0\x01").await;
    Client::plain(&edge).await.packet(1234, 5678, &key).await;
    assert_eq!(client.error().await[1], "57014");
    client.until(b'Z').await;
    client.query("select pg_sleep(600)").await;
    at_server(&stage, "1", "and state = 'active'").await;
    let mut canceller = Client::tls(&edge, &stage.ca).await;
    canceller.packet(1234, 5678, &key).await;
    canceller.closed().await;
    assert_eq!(client.error().await[1], "57014");
}

#[tokio::test]
async fn the_door_can_be_shut_while_sessions_go_on() {
    let stage = Stage::set().await;
    let edge = stage.open_edge().start().await.unwrap();
    let url = stage.url(&edge, "app.branch", "secret");
    let (mut inside, _) = Client::ready(&edge, &stage.ca).await;
    edge.set_door(Door::Refusing(Refusal::fatal("53300", "too many")));
    assert!(psql_fails(&url, WHO).await.contains("FATAL:  too many"));
    edge.set_door(Door::Closed);
    assert!(psql_fails(&url, WHO).await.contains("connection to server"));
    edge.set_door(Door::Paused);
    let impatient = url.clone() + "&connect_timeout=2";
    assert!(psql_fails(&impatient, WHO).await.contains("timeout expired"));
    inside.query("select").await;
    inside.until(b'Z').await;
    let waiting = tokio::spawn(async move { psql(&url, WHO).await });
    edge.set_door(Door::Open);
    assert_eq!(waiting.await.unwrap(), "app|orders");
}

#[tokio::test]
async fn a_server_that_is_down_or_slow_to_wake_is_seen_as_such() {
    let stage = Stage::set().await;
    let upstream = stage.server.plain_upstream();
    let route = move |opening: &Opening| rewritten(&upstream, opening).hold(Duration::from_millis(1500));
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(psql(&stage.url(&edge, "app.branch", "secret"), WHO).await, "app|orders");
    assert!(began.elapsed() >= Duration::from_millis(1500));
    stage.server.stop().await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app.branch", "secret"), WHO).await;
    assert!(complaint.contains("FATAL:  failed to connect to upstream"), "{complaint}");
    let nobody = Upstream::plain(1);
    let route = move |opening: &Opening| Backend::new(nobody.clone(), opening);
    let words = Refusal::error("XX000", "Couldn't connect to compute node");
    let edge = Edge::builder(&stage.issued).route(route).unreachable(words).start().await.unwrap();
    let complaint = psql_fails(&stage.url(&edge, "app", "secret"), WHO).await;
    assert!(complaint.contains("ERROR:  Couldn't connect to compute node"), "{complaint}");
}

#[test]
fn an_edge_outlives_the_runtime_that_started_it_and_ends_when_dropped() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (stage, edge) = runtime().block_on(async {
        let stage = Stage::set().await;
        let edge = stage.open_edge().start().await.unwrap();
        (stage, edge)
    });
    runtime().block_on(async {
        let (mut client, _) = Client::ready(&edge, &stage.ca).await;
        drop(edge);
        client.ended().await;
    });
}

/// Waits until the server has so many sessions of `app`.
async fn at_server(stage: &Stage, count: &str, further: &str) {
    let sql = format!("select count(*) from pg_stat_activity where usename = 'app' {further}");
    for _ in 0..1000 {
        if stage.server.query_text("postgres", &sql).await.unwrap() == count {
            return;
        }
    }
    panic!("not in time: {count} sessions {further}");
}
