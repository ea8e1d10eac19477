//! Without Redis service goes on: nobody is refused, and each replica makes its own.

use std::collections::BTreeSet;
use std::time::Duration;

use devstack::{Link, Redis};
use tokio::time::Instant;

use super::USUAL;
use crate::stand::{Load, Noted, Process, Settings, run, unique, until, world};

/// What happens to Redis.
#[derive(Clone, Copy, Debug)]
enum Outage {
    Killed,
    Hanging,
    CutOff,
}

impl Outage {
    const ALL: [Self; 3] = [Self::Killed, Self::Hanging, Self::CutOff];

    async fn begin(self, redis: &Redis, link: &Link) {
        match self {
            Self::Killed => redis.kill().await.unwrap(),
            Self::Hanging => redis.pause().await.unwrap(),
            Self::CutOff => link.cut(),
        }
    }

    async fn end(self, redis: &Redis, link: &Link) {
        match self {
            Self::Killed => redis.restart().await.unwrap(),
            Self::Hanging => redis.resume().await.unwrap(),
            Self::CutOff => link.mend(),
        }
    }
}

/// Waits until both replicas think so of the cache.
async fn until_up(replicas: [&Process; 2], up: bool) {
    let message =
        if up { "the cache is up" } else { "the cache is down: credentials are not shared until it is back" };
    // The gauge is a few seconds late; the log is not.
    let last = |process: &Process| {
        let lines = process.log();
        lines
            .iter()
            .rev()
            .find(|line| line.contains("the cache is "))
            .is_some_and(|line| line.contains(message))
    };
    until(async || replicas.iter().all(|process| last(process))).await;
}

/// The leases of a shared role that each replica hands out from now on.
async fn leases(load: &Load) -> [BTreeSet<String>; 2] {
    let from = Instant::now();
    load.until(4, "leases", Noted::is_served).await;
    let all = load.since(from);
    [0, 1].map(|process| {
        let there = all.iter().filter(|noted| noted.process == process && noted.role == "orders-reader");
        there.map(|noted| noted.lease.clone()).collect()
    })
}

/// Waits until both hand out the same one: each may have a copy for a few seconds.
async fn until_shared(load: &Load) {
    until(async || {
        let [a, b] = leases(load).await;
        a == b && a.len() == 1
    })
    .await;
}

/// Two replicas, and the way to a Redis of their own.
async fn replicas(url: &str) -> (Process, Process) {
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.config["cache"]["redis"]["url"] = settings.secret("redis", url);
    let other = settings.replica();
    let here = Process::ready(settings).await;
    let there = Process::again(other, &[]).await;
    (here, there)
}

/// Ends them; nobody was refused, nobody waited for long, and all is on record.
async fn end(here: Process, there: Process, load: Load) {
    let all = load.end().await;
    for noted in &all {
        assert!(noted.is_served(), "{noted:?}");
        assert!(noted.took() < Duration::from_secs(5), "{noted:?}");
    }
    here.settings.assert_recorded(&all).await;
    there.stop().await;
    let (settings, _) = here.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
}

#[test]
fn without_redis_nobody_is_refused_and_replicas_come_together_again() {
    run(async {
        let redis = Redis::start(world().await.ca()).await.unwrap();
        let link = Link::to(redis.port()).await.unwrap();
        let url = redis.url().replace(&redis.port().to_string(), &link.port().to_string());
        let (here, there) = replicas(&url).await;
        let load = Load::on(&[&here, &there], &USUAL).await;
        until_shared(&load).await;
        for outage in Outage::ALL {
            outage.begin(&redis, &link).await;
            until_up([&here, &there], false).await;
            let [a, b] = leases(&load).await;
            assert!(a.len() == 1 && b.len() == 1 && a != b, "{outage:?}: one for each replica: {a:?} {b:?}");
            outage.end(&redis, &link).await;
            until_up([&here, &there], true).await;
            until_shared(&load).await;
        }
        end(here, there, load).await;
        redis.end().await.unwrap();
    });
}

#[test]
fn a_redis_that_is_full_and_takes_nothing_is_no_reason_to_make_one_credential_for_each_request() {
    run(async {
        let redis = Redis::start(world().await.ca()).await.unwrap();
        redis.restart_full().await.unwrap();
        let (here, there) = replicas(&redis.url()).await;
        let load = Load::on(&[&here, &there], &USUAL).await;
        let [a, b] = leases(&load).await;
        assert!(a.len() == 1 && b.len() == 1 && a != b, "one for each replica: {a:?} {b:?}");
        redis.restart().await.unwrap();
        until_shared(&load).await;
        end(here, there, load).await;
        redis.end().await.unwrap();
    });
}
