//! A start while the servers that a broker needs are down.

use devstack::{Postgres, Redis};
use serde_json::json;

use super::program::{configured, settings};
use crate::stand::{Answer, Process, run, until, world};

#[test]
fn it_starts_without_ledger_and_cache_and_becomes_ready_when_they_come() {
    run(async {
        let mut settings = settings().await;
        let ca = world().await.ca();
        let (ledger, redis) =
            tokio::join!(Postgres::builder().ca(ca).durable(false).start(), Redis::start(ca));
        let (ledger, redis) = (ledger.unwrap(), redis.unwrap());
        let prepare = "create role owner login password 'owner'; create role writer login password 'writer';
                       create database ledger owner owner";
        ledger.execute("postgres", prepare).await.unwrap();
        settings.config["ledger"]["url"] =
            settings.secret("ledger", &ledger.url("writer", "writer", "ledger"));
        settings.config["ledger"]["owner_url"] =
            settings.secret("owner", &ledger.url("owner", "owner", "ledger"));
        settings.config["ledger"]["timeout"] = json!("500ms");
        settings.config["cache"]["redis"]["url"] = settings.secret("redis", &redis.url());
        assert_eq!(configured(&settings, &["migrate"]).await.code, Some(0));
        tokio::try_join!(ledger.kill(), redis.kill()).unwrap();

        let served = Process::again(settings, &[]).await;
        assert_eq!(served.readyz().await, 503);
        assert_eq!(served.get("app-a", &served.dsn("orders-reader")).await.problem(), "ledger-unavailable");

        tokio::try_join!(ledger.restart(), redis.restart()).unwrap();
        until(async || served.readyz().await == 200).await;
        let dsn = async || served.get("app-a", &served.dsn("orders-reader")).await;
        until(async || dsn().await.status == 200).await;
        let metrics = || Answer::of(served.client.clone().get(format!("{}/metrics", served.admin_url)));
        served.said(0, |line| line["message"] == "the cache is up").await;
        assert!(metrics().await.text.contains("dsn_broker_config_loads_total{outcome=\"loaded\"} 1"));
        drop(served);
        tokio::try_join!(ledger.end(), redis.end()).unwrap();
    });
}
