//! Servers that stop, die, hang and come back.

use devstack::{Ca, Redis};

use crate::postgres::quick;
use crate::program::{psql, psql_fails};
use crate::redis::cli;

#[tokio::test]
async fn a_killed_postgres_comes_back_with_its_port_and_data() {
    let server = quick().start().await.unwrap();
    let (url, port) = (server.superuser_url(), server.port());
    psql(&url, "create table kept as select 42 as answer").await;
    server.kill().await.unwrap();
    assert!(psql_fails(&url, "select 1").await.contains("Connection refused"));
    server.restart().await.unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(psql(&url, "select answer from kept").await, "42");
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
}

#[tokio::test]
async fn a_stopped_postgres_comes_back() {
    let server = quick().start().await.unwrap();
    server.stop().await.unwrap();
    assert!(psql_fails(&server.superuser_url(), "select 1").await.contains("Connection refused"));
    server.stop().await.unwrap();
    server.restart().await.unwrap();
    server.restart().await.unwrap();
    assert_eq!(psql(&server.superuser_url(), "select 1").await, "1");
}

#[tokio::test]
async fn a_paused_postgres_takes_connections_and_says_nothing() {
    let server = quick().start().await.unwrap();
    server.pause().await.unwrap();
    let impatient = format!("{}&connect_timeout=2", server.superuser_url());
    assert!(psql_fails(&impatient, "select 1").await.contains("timeout expired"));
    server.resume().await.unwrap();
    assert_eq!(psql(&server.superuser_url(), "select 1").await, "1");
    server.pause().await.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_redis_comes_back_empty_on_its_port() {
    let redis = Redis::start(&Ca::generate().unwrap()).await.unwrap();
    let url = redis.url();
    assert_eq!(cli(&redis, &["set", "dsn:a", "1"]).await, "OK");
    redis.kill().await.unwrap();
    assert!(cli(&redis, &["ping"]).await.contains("Connection refused"));
    redis.restart().await.unwrap();
    assert_eq!(redis.url(), url);
    assert_eq!(cli(&redis, &["get", "dsn:a"]).await, "");
    redis.stop().await.unwrap();
    redis.restart().await.unwrap();
    redis.pause().await.unwrap();
    redis.resume().await.unwrap();
    assert_eq!(cli(&redis, &["ping"]).await, "PONG");
}
