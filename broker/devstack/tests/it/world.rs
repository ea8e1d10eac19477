//! A whole world.

use std::collections::BTreeSet;

use devstack::{Postgres, Version, World};

use crate::program::{psql, psql_fails};
use crate::redis::cli;

#[tokio::test]
async fn everyone_in_a_world_can_connect() {
    let world = World::start().await.unwrap();
    assert_ne!(world.ledger().port(), world.orders().port());
    assert_eq!(psql(&world.ledger_owner_url(), "create schema s; select 1").await, "1");
    assert_eq!(psql(&world.ledger_writer_url(), "select 1").await, "1");
    assert!(psql_fails(&world.ledger_writer_url(), "create schema w").await.contains("permission denied"));
    assert_eq!(cli(world.redis(), &["ping"]).await, "PONG");
    let summary = serde_json::to_value(world.summary()).unwrap();
    assert!(summary.as_object().unwrap().values().all(|value| !value.is_null()));
}

#[tokio::test]
async fn the_admin_can_make_and_end_users_on_every_version() {
    for (major, _) in Postgres::available() {
        let version = Version::Major(major);
        let world = World::builder().shared_server().orders_version(version).start().await.unwrap();
        let admin = world.orders_admin_url();
        psql(&admin, "create role reader login password 'r' in role orders_ro").await;
        psql(&admin, "create role writer login password 'w' in role orders_rw").await;
        psql(&admin, "create role migrator login password 'm' in role orders_owner").await;
        let url = |user: &str, password: &str| world.orders().url(user, password, "orders");
        assert_eq!(psql(&url("reader", "r"), "select count(*) from app.orders").await, "3");
        let delete = "delete from app.orders";
        assert!(psql_fails(&url("reader", "r"), delete).await.contains("permission denied"));
        psql(&url("writer", "w"), "insert into app.orders (customer, item, quantity) values ('a', 'b', 1)")
            .await;
        psql(&url("migrator", "m"), "set role orders_owner; create table app.more (id int)").await;
        assert_eq!(psql(&url("reader", "r"), "select count(*) from app.more").await, "0");
        psql(&admin, "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'").await;
        psql(&admin, "drop role reader; drop role writer; drop role migrator").await;
    }
}

#[tokio::test]
async fn many_worlds_do_not_meet() {
    let start = || World::builder().shared_server().start();
    let (a, b, c) = tokio::try_join!(start(), start(), start()).unwrap();
    let ports = [&a, &b, &c].map(|world| [world.orders().port(), world.redis().port()]).concat();
    assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), ports.len());
    for world in [&a, &b, &c] {
        assert_eq!(psql(&world.orders_admin_url(), "select 1").await, "1");
    }
}
