//! TLS at the edge: names, direct negotiation, channel binding, and clients without it.

use std::sync::{Arc, Mutex};

use devstack::{Backend, Edge, Opening, Refusal};

use super::client::Client;
use super::{Stage, WHO, rewritten};
use crate::program::{psql, psql_fails};

#[tokio::test]
async fn a_verifying_client_gets_through_by_the_name_on_the_certificate() {
    let stage = Stage::set().await;
    let edge = stage.edge().start().await.unwrap();
    let url = stage.url(&edge, "app.branch", "secret");
    assert_eq!(psql(&url, WHO).await, "app|orders");
    assert_eq!(psql(&url.replace("127.0.0.1", "::1"), WHO).await, "app|orders");
    let elsewhere = url.replace("one.edge.test", "one.other.test");
    let complaint = psql_fails(&elsewhere, WHO).await;
    assert!(complaint.contains("does not match host name \"one.other.test\""), "{complaint}");
}

#[tokio::test]
async fn the_edge_knows_what_the_client_asked_for() {
    let stage = Stage::set().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (upstream, record) = (stage.server.plain_upstream(), Arc::clone(&seen));
    let route = move |opening: &Opening| {
        record.lock().unwrap().push(opening.clone());
        rewritten(&upstream, opening)
    };
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let url = stage.url(&edge, "app.branch%7Creplica", "secret") + "&application_name=told";
    let complaint = psql_fails(&url, WHO).await;
    assert!(complaint.contains("authentication failed for user \"app.branch|replica\""), "{complaint}");
    let seen = seen.lock().unwrap();
    assert_eq!(seen[0].sni.as_deref(), Some("one.edge.test"));
    assert_eq!((seen[0].user.as_str(), seen[0].database.as_deref()), ("app.branch|replica", Some("any")));
    assert_eq!(seen[0].parameter("application_name"), Some("told"));
    assert!(seen[0].tls && !seen[0].direct_tls && seen[0].client.is_loopback());
}

#[tokio::test]
async fn direct_negotiation_needs_the_protocol_to_be_agreed_on() {
    let stage = Stage::set().await;
    let upstream = stage.server.trusting_upstream();
    let route = move |opening: &Opening| match opening.direct_tls {
        true => Backend::new(upstream.clone(), opening).into(),
        false => devstack::Route::Refuse(Refusal::fatal("28000", "not direct")),
    };
    let edge = Edge::builder(&stage.issued).route(route).start().await.unwrap();
    let mut client = Client::direct(&edge, &stage.ca, &["postgresql"]).await.unwrap();
    client.start(0, &[("user", "app"), ("database", "orders")]).await;
    client.until(b'Z').await;
    assert!(Client::direct(&edge, &stage.ca, &["h2"]).await.is_err());
    // A client of TLS 1.3 is done with the handshake before the server has judged it.
    let mut without = Client::direct(&edge, &stage.ca, &[]).await.unwrap();
    without.ended().await;
}

#[tokio::test]
async fn channel_binding_holds_through_an_edge_with_the_certificate_of_the_server() {
    let stage = Stage::with_one_certificate().await;
    let upstream = stage.server.tls_upstream().unwrap();
    let edge = Edge::builder(&stage.issued)
        .route(move |opening| rewritten(&upstream, opening))
        .start()
        .await
        .unwrap();
    let url = stage.url(&edge, "app.branch", "secret");
    assert_eq!(psql(&(url.clone() + "&channel_binding=require"), WHO).await, "app|orders");
    assert_eq!(psql(&(url + "&channel_binding=disable"), WHO).await, "app|orders");
}

#[tokio::test]
async fn channel_binding_does_not_hold_through_an_edge_with_a_certificate_of_its_own() {
    let stage = Stage::set().await;
    let over_tls = stage.server.tls_upstream().unwrap();
    let over_tls = Edge::builder(&stage.issued)
        .route(move |opening| rewritten(&over_tls, opening))
        .start()
        .await
        .unwrap();
    for edge in [stage.edge().start().await.unwrap(), over_tls] {
        let url = stage.url(&edge, "app.branch", "secret") + "&channel_binding=require";
        let complaint = psql_fails(&url, WHO).await;
        assert!(complaint.contains("channel binding is required"), "{complaint}");
    }
}

#[tokio::test]
async fn a_client_without_tls_is_refused_in_the_words_of_the_provider() {
    let stage = Stage::set().await;
    let plain = |edge: &Edge| stage.url(edge, "app.branch", "secret").replace("verify-full", "disable");
    let edge = stage.edge().start().await.unwrap();
    assert!(psql_fails(&plain(&edge), WHO).await.contains("FATAL:  SSL connection is required"));
    let words = Refusal::error("XX000", "connection is insecure (try using `sslmode=require`)");
    let edge = stage.edge().plaintext_refusal(words).start().await.unwrap();
    let mut client = Client::plain(&edge).await;
    client.start(0, &[("user", "app")]).await;
    let error = client.error().await;
    assert_eq!(error, ["ERROR", "XX000", "connection is insecure (try using `sslmode=require`)"]);
    client.ended().await;
    let edge = stage.edge().plaintext_client().start().await.unwrap();
    assert_eq!(psql(&plain(&edge), WHO).await, "app|orders");
    assert_eq!(psql(&stage.url(&edge, "app.branch", "secret"), WHO).await, "app|orders");
}

#[tokio::test]
async fn encryption_that_is_not_offered_is_declined() {
    let stage = Stage::set().await;
    let edge = stage.edge().start().await.unwrap();
    let mut client = Client::plain(&edge).await;
    assert_eq!(client.ask(5680).await, b'N');
    assert_eq!(client.ask(5679).await, b'S');
    let upstream = stage.server.plain_upstream();
    let relay = Edge::plaintext().route(move |opening| rewritten(&upstream, opening)).start().await.unwrap();
    assert_eq!(Client::plain(&relay).await.ask(5679).await, b'N');
    let url = stage.url(&relay, "app.branch", "secret");
    assert!(psql_fails(&url, WHO).await.contains("server does not support SSL"));
    assert_eq!(psql(&url.replace("verify-full", "prefer"), WHO).await, "app|orders");
}
