//! `audit prune` and `audit export`.

use std::collections::HashSet;
use std::time::Duration;

use dsn_broker::config::Config;
use dsn_broker::ledger::{As, Offline};
use dsn_broker::time::{Clock, Timestamp};
use serde_json::Value;

use crate::stand::{Settings, Stand, run};

const DAY: Duration = Duration::from_secs(86_400);

async fn prune(settings: &Settings, cutoff: Timestamp, now: Timestamp) -> u64 {
    let config = Config::load(&settings.file()).unwrap();
    let mut ledger = Offline::connect(&config.ledger, As::Owner).await.unwrap();
    ledger.prune(&config.audit.key().unwrap(), cutoff, now).await.unwrap()
}

#[test]
fn pruning_leaves_a_chain_that_is_whole_and_tells_what_is_put_back() {
    run(async {
        let first = Stand::start().await;
        let start = first.clock.now();
        first.caller("app-orders").dsn("orders-reader").await;
        let second = first.replica().await;
        second.caller("app-orders").dsn("orders-reader").await;
        second.stop().await;
        first.clock.advance(DAY);
        first.caller("app-orders").dsn("orders-reader").await;
        let settings = first.stop().await;
        let before: u64 = settings.ask_ledger("select count(*) from audit_events").await.parse().unwrap();
        settings.tamper("create table kept as select * from audit_events").await;

        let now = start + DAY;
        let removed = prune(&settings, now, now).await;
        assert!(removed > 5 && removed < before, "{removed} of {before}");
        let verdict = settings.verdict().await;
        assert_eq!((verdict.flaws, verdict.events), (vec![], before - removed));
        assert_eq!(prune(&settings, now, now).await, 0, "there is no more");
        assert_eq!(settings.flaws().await, [""; 0]);

        // Later processes name the heads that are left, and go on.
        let settings = Stand::again(settings).await.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
        settings.tamper("insert into audit_events select * from kept where seq = 1").await;
        let flaws = settings.flaws().await;
        assert!(
            flaws.len() == 2 && flaws.iter().all(|flaw| flaw.contains("event 1 was inserted")),
            "{flaws:?}"
        );
    });
}

#[test]
fn a_process_whose_events_were_all_pruned_goes_on_where_it_was() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        caller.dsn("orders-reader").await;
        let now = stand.clock.now() + Duration::from_secs(1);
        assert!(prune(&stand.settings, now, now).await > 0);
        // The connection breaks, so that the writer has to ask where its stream ends.
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and application_name = 'dsn-broker'";
        stand.at_ledger("alter table audit_events add constraint closed check (false) not valid").await;
        assert_eq!(caller.get(&caller.dsn_path("orders-reader")).await.status, 503);
        stand.at_ledger("alter table audit_events drop constraint closed").await;
        stand.at_ledger(cut).await;
        stand
            .until(|| async {
                let answer = caller.get(&caller.dsn_path("orders-reader")).await;
                if answer.status == 200 { Ok(()) } else { Err(answer.text) }
            })
            .await;
        assert_eq!(stand.at_ledger("select count(*) from audit_events where seq = 1").await, "0");
        let settings = stand.stop().await;
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn the_program_prunes_by_the_retention_and_refuses_on_a_broken_chain() {
    run(async {
        let stand = Stand::with(|config| config["audit"]["retention"] = "1d".into()).await;
        stand.caller("app-orders").dsn("orders-reader").await;
        let settings = stand.stop().await;
        let outcome = settings.program(&["audit", "prune"]).await;
        assert!(outcome.ok && outcome.stdout == "0 events removed\n", "{outcome:?}");
        settings.tamper("update audit_events set detail = '{}' where seq = 2").await;
        let outcome = settings.program(&["audit", "prune"]).await;
        assert!(!outcome.ok && outcome.stderr.contains("nothing was removed"), "{outcome:?}");
        let before = settings.ask_ledger("select count(*) from audit_events").await;
        assert_eq!(settings.program(&["audit", "export"]).await.stdout.lines().count().to_string(), before);
    });
}

#[test]
fn an_export_gives_every_event_once() {
    run(async {
        let stand = Stand::start().await;
        let (caller, operator) = (stand.caller("app-orders"), stand.caller("operator"));
        caller.dsn("orders-reader").await;
        // All at one moment, so that the order is by more than time; and more than one page.
        let reads = (0..40).map(|_| async { operator.get("/v1/audit?limit=1").await.ok() });
        futures_util::future::join_all(reads).await;
        let copy = "insert into audit_events select gen_random_uuid(), n, at, action, issuer, subject, role, database, \
                    lease, request, detail, mac from audit_events, generate_series(1, 60) n where action = 'audit.read'";
        let settings = stand.stop().await;
        settings.tamper(copy).await;
        let total: usize = settings.ask_ledger("select count(*) from audit_events").await.parse().unwrap();
        assert!(total > 2000);
        let outcome = settings.program(&["audit", "export"]).await;
        assert!(outcome.ok, "{}", outcome.stderr);
        let places: Vec<(String, i64)> = outcome
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|event| (event["stream"].as_str().unwrap().to_owned(), event["seq"].as_i64().unwrap()))
            .collect();
        assert_eq!(places.len(), total);
        assert_eq!(places.into_iter().collect::<HashSet<_>>().len(), total);
    });
}
