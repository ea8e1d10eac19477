//! Without Redis each replica goes on by itself.

use std::collections::HashSet;

use futures_util::future::join_all;

use crate::stand::{Settings, Stand, psql, run, unique, world};

async fn until_up(stand: &Stand, up: bool) {
    let reached = || async {
        let present = stand.app.broker.cache.is_up();
        if present == up { Ok(()) } else { Err(format!("up: {present}")) }
    };
    stand.until(reached).await;
}

#[test]
fn without_redis_replicas_go_on_by_themselves_and_come_together_again() {
    run(async {
        let world = world().await;
        let redis = devstack::Redis::start(world.ca()).await.unwrap();
        let mut settings = Settings::new(world, &unique()).await;
        settings.config["cache"]["redis"]["url"] = settings.secret("redis", &redis.url());
        let here = Stand::on(settings).await;
        let there = here.replica().await;
        let leases = async |stand: &Stand, subject: &str| {
            let caller = stand.caller(subject);
            let answers = join_all((0..20).map(|_| caller.dsn("orders-reader"))).await;
            for answer in &answers[..1] {
                assert!(psql(answer["dsn"].as_str().unwrap(), "select 1").await.ok);
            }
            answers.iter().map(|answer| answer["lease_id"].to_string()).collect::<HashSet<_>>()
        };
        let before = leases(&here, "app-orders").await;
        assert_eq!(leases(&there, "app-orders").await, before);

        redis.kill().await.unwrap();
        // Until a replica notices, it may still hand out its copy of what they shared.
        until_up(&here, false).await;
        until_up(&there, false).await;
        let (alone_here, alone_there) =
            (leases(&here, "app-orders").await, leases(&there, "app-orders").await);
        for alone in [&alone_here, &alone_there] {
            assert_eq!(alone.len(), 1, "one per key and replica, not one per request");
        }
        assert!(alone_here.is_disjoint(&alone_there) && before.is_disjoint(&alone_here));
        assert_eq!(here.users().await.len(), 3);
        here.until(|| async {
            let up = here.metric("dsn_broker_cache_up").await;
            here.clock.advance(std::time::Duration::from_secs(10));
            if up == Some(0.0) { Ok(()) } else { Err(format!("{up:?}")) }
        })
        .await;
        // Revoked here, while the other cannot hear of it: the ledger tells.
        let lease = alone_there.iter().next().unwrap().trim_matches('"').to_owned();
        here.caller("app-orders").delete(&format!("/v1/leases/{lease}")).await.ok();
        assert!(leases(&there, "app-orders").await.is_disjoint(&alone_there));

        redis.restart().await.unwrap();
        until_up(&here, true).await;
        until_up(&there, true).await;
        let again = leases(&here, "app-back").await;
        assert_eq!(leases(&there, "app-back").await, again, "they share again");
        there.stop().await;
        here.stop().await;
        redis.end().await.unwrap();
    });
}
