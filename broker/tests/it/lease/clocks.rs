//! Clocks that disagree: the database's, and the issuer's.

use std::time::Duration;

use devstack::{Claims, ClockOffset, Postgres};
use dsn_broker::time::Clock;

use super::text;
use crate::stand::{Settings, Stand, Target, psql, run, seconds, unique, world};

const HOUR: Duration = Duration::from_secs(3600);

/// A lease at a database whose clock is wrong works for its whole life, and ends.
async fn a_wrong_clock_changes_nothing(offset: ClockOffset) {
    let target = Target::with(Postgres::builder().clock_offset(offset)).await;
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.config["databases"]["orders"] = target.config(&settings);
    settings.config["roles"]["orders-reader"]["drain"] = "0s".into();
    let stand = Stand::on(settings).await;
    let theirs =
        target.server.query_text("postgres", "select extract(epoch from now())::bigint").await.unwrap();
    let differs = theirs.parse::<i64>().unwrap() - stand.clock.now().timestamp();
    assert!((3500..3700).contains(&differs.abs()), "its clock is {differs} s ahead");

    let answer = stand.caller("app-orders").dsn("orders-reader").await;
    assert!(psql(text(&answer, "dsn"), "select 1").await.ok, "from the start");
    let valid =
        "select round(extract(epoch from rolvaliduntil - now())) from pg_roles where rolname like 'dsn\\_%'";
    let valid: i64 = target.server.query_text("postgres", valid).await.unwrap().parse().unwrap();
    assert!((3640..=3661).contains(&valid), "good for {valid} s by the database's clock");
    stand.clock.advance(HOUR - Duration::from_secs(1));
    assert!(psql(text(&answer, "dsn"), "select 1").await.ok, "to the end");
    stand.clock.advance(Duration::from_secs(1));
    target.until_users(&stand, 0).await;
    stand.stop().await;
    target.server.end().await.unwrap();
}

#[test]
fn a_database_an_hour_ahead_changes_nothing() {
    run(a_wrong_clock_changes_nothing(ClockOffset::Ahead(HOUR)));
}

#[test]
fn a_database_an_hour_behind_changes_nothing() {
    run(a_wrong_clock_changes_nothing(ClockOffset::Behind(HOUR)));
}

#[test]
fn a_token_is_good_within_the_leeway_and_no_longer() {
    run(async {
        let stand = Stand::start().await;
        let now = seconds(stand.clock.now());
        let token = |claims: Claims| stand.settings.world.oidc().mint(&claims).unwrap();
        let of = |now: u64| Claims::of("app-orders").now(now).lifetime(Duration::from_secs(100));
        let status = async |proof: &str| stand.bearer(proof).get("/v1/whoami").await.status.as_u16();

        let (soon, later) = (token(of(now + 60)), token(of(now + 61)));
        assert_eq!((status(&soon).await, status(&later).await), (200, 401), "a clock ahead of ours");
        let seen = token(of(now));
        assert_eq!(status(&seen).await, 200);
        stand.clock.advance(Duration::from_secs(159));
        let unseen = token(of(now));
        assert_eq!((status(&seen).await, status(&unseen).await), (200, 200), "a clock behind ours");
        stand.clock.advance(Duration::from_secs(1));
        let (unseen, seen) = (status(&token(of(now))).await, status(&seen).await);
        assert_eq!((unseen, seen), (401, 401), "also what is remembered");
        stand.stop().await;
    });
}
