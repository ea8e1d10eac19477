//! Two processes of the real program, and a crowd.

use std::collections::BTreeSet;
use std::time::Duration;

use dsn_broker::time::{Clock, SystemClock, Timestamp};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stand::{Callers, Load, Process, Settings, Target, psql, role, run, unique, until, world};

/// A role that comes to its refresh while we watch, at a server that only this test makes slow.
async fn settings(target: &Target) -> Settings {
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.config["databases"]["slow"] = target.config(&settings);
    let mut crowded = role("workload");
    (crowded["database"], crowded["ttl"], crowded["max_ttl"]) = (json!("slow"), json!("16s"), json!("16s"));
    settings.config["roles"]["crowded"] = crowded;
    settings.config["bindings"][0]["roles"].as_array_mut().unwrap().push("crowded".into());
    settings
}

/// The answers of these processes to so many callers at once, and the identifiers of their requests.
async fn at_once(replicas: [&Process; 2], count: usize) -> Vec<(String, Value)> {
    let proof = replicas[0].token("app-crowded");
    let path = replicas[0].dsn("crowded");
    let calls = (0..count).map(|number| replicas[number % 2].call(Method::GET, &path, &proof));
    let answers = join_all(calls).await.into_iter().map(|answer| {
        let answer = answer.unwrap();
        (answer.headers["x-request-id"].to_str().unwrap().to_owned(), answer.ok())
    });
    answers.collect()
}

async fn count(settings: &Settings, query: &str) -> usize {
    settings.ask_ledger(&format!("select count(*) from {query}")).await.parse().unwrap()
}

#[test]
fn five_hundred_callers_of_two_processes_make_one_user_and_one_more_when_it_is_time() {
    run(async {
        let target = Target::start().await;
        let settings = settings(&target).await;
        let other = settings.replica();
        let here = Process::ready(settings).await;
        let there = Process::again(other, &[]).await;

        let answers = at_once([&here, &there], 500).await;
        let leases: BTreeSet<_> = answers.iter().map(|(_, answer)| answer["lease_id"].to_string()).collect();
        assert_eq!((leases.len(), target.users().await.len()), (1, 1), "{leases:?}");
        let settings = &here.settings;
        assert_eq!(count(settings, "audit_events where action = 'lease.issued'").await, 1);
        let old = answers[0].1["lease_id"].as_str().unwrap();
        let query =
            format!("select request from audit_events where action = 'lease.delivered' and lease = '{old}'");
        let recorded = settings.ask_ledger(&query).await;
        let received: BTreeSet<_> = answers.iter().map(|(request, _)| request.as_str()).collect();
        assert_eq!(received.len(), 500);
        assert_eq!(recorded.lines().collect::<BTreeSet<_>>(), received, "each is on record");

        // Whoever makes a user there waits for this lock, until well after the time of the refresh.
        let refresh: Timestamp = answers[0].1["refresh_after"].as_str().unwrap().parse().unwrap();
        let left = (refresh - SystemClock.now()).to_std().expect("there is time left until the refresh");
        let hold = left + Duration::from_millis(1500);
        let lock =
            format!("begin; lock table pg_authid in share mode; select pg_sleep({})", hold.as_secs_f64());
        let superuser = target.server.superuser_url();
        let slow = tokio::spawn(async move { psql(&superuser, &lock).await });
        let due = Instant::now() + left;

        let crowd = Callers { role: "crowded", count: 40, every: Duration::from_millis(50) };
        let load = Load::on(&[&here, &there], &[crowd]).await;
        until(async || slow.is_finished()).await;
        let released = Instant::now();
        assert!(slow.await.unwrap().ok);
        load.until(40, "the successor", |noted| noted.lease != old).await;
        let all = load.end().await;

        let meanwhile: Vec<_> = all.iter().filter(|noted| noted.is_between(due, released)).collect();
        assert!(meanwhile.len() > 100, "{}", meanwhile.len());
        assert!(meanwhile.iter().all(|noted| noted.lease == old), "the present one is good");
        let early = released - Duration::from_secs(1);
        for noted in all.iter().filter(|noted| noted.began < early) {
            assert!(noted.is_served() && noted.ended < released, "it waited for the successor: {noted:?}");
        }
        let successors: BTreeSet<_> =
            all.iter().map(|noted| &noted.lease).filter(|lease| *lease != old).collect();
        assert_eq!(successors.len(), 1);
        for process in 0..2 {
            let has = |lease| all.iter().any(|noted| noted.process == process && noted.lease == lease);
            assert!(has(old) && has(successors.first().unwrap()), "{process}");
        }
        settings.assert_recorded(&all).await;
        assert_eq!(count(settings, "leases").await, 2, "nothing else was begun");
        there.stop().await;
        let (settings, _) = here.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        target.server.end().await.unwrap();
    });
}
