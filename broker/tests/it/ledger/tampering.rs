//! `audit verify` holds after a busy run of several processes, and says where the audit was tampered with.

use std::time::Duration;

use reqwest::StatusCode;

use crate::stand::{Settings, Stand, run};

/// A run of three processes, over; and the streams they left, in the order of their age.
async fn busy_run() -> (Settings, [String; 3]) {
    let first = Stand::start().await;
    let caller = first.caller("app-orders");
    let answer = caller.dsn("orders-reader").await;
    for _ in 0..10 {
        caller.dsn("orders-request").await;
    }
    assert_eq!(caller.get("/v1/dsn/orders-unbound").await.status, StatusCode::FORBIDDEN);
    assert_eq!(first.bearer("nonsense").get("/v1/whoami").await.status, StatusCode::UNAUTHORIZED);
    let second = first.replica().await;
    second.caller("app-orders").dsn("orders-reader").await;
    second.caller("app-other").dsn("orders-reader").await;
    second.stop().await;
    // The head of the first is signed on the way, and at its end.
    first.clock.advance(Duration::from_secs(61));
    first.until(|| async { heads(&first.settings).await.map(drop) }).await;
    first
        .caller("app-orders")
        .delete(&format!("/v1/leases/{}", answer["lease_id"].as_str().unwrap()))
        .await
        .ok();
    let settings = first.stop().await;
    let third = Stand::again(settings).await;
    third.caller("app-orders").dsn("orders-reader").await;
    let settings = third.stop().await;
    let streams = settings.ask_ledger("select stream from audit_events group by 1 order by min(at), 1").await;
    let streams: Vec<String> = streams.lines().map(str::to_owned).collect();
    (settings, streams.try_into().unwrap())
}

async fn heads(settings: &Settings) -> Result<u64, String> {
    let count = settings.ask_ledger("select count(*) from audit_heads").await.parse().unwrap();
    if count >= 2 { Ok(count) } else { Err(format!("{count} heads")) }
}

#[test]
fn the_chain_of_a_busy_run_is_whole() {
    run(async {
        let (settings, _) = busy_run().await;
        let verdict = settings.verdict().await;
        assert_eq!(verdict.flaws, []);
        assert_eq!((verdict.streams, verdict.heads), (3, 4));
        assert_eq!(
            verdict.events.to_string(),
            settings.ask_ledger("select count(*) from audit_events").await
        );
        let outcome = settings.program(&["audit", "verify"]).await;
        let told = format!("{} events in 3 streams, 4 signed heads\nthe chain is whole\n", verdict.events);
        assert!(outcome.ok && outcome.stdout == told, "{outcome:?}");
    });
}

#[test]
fn a_changed_column_is_found_whichever_it_is() {
    run(async {
        let (settings, [stream, ..]) = busy_run().await;
        let place = format!("stream = '{stream}' and seq = 5");
        for (column, change) in [
            ("at", "at + interval '1 microsecond'"),
            ("action", "action || '.'"),
            ("issuer", "case when issuer is null then '' end"),
            ("subject", "coalesce(subject || '2', '')"),
            ("role", "'other'"),
            ("database", "'other'"),
            ("lease", "gen_random_uuid()"),
            ("request", "coalesce(request || '2', '')"),
            ("detail", "detail || ' '"),
        ] {
            settings.tamper(&format!("create table kept as select * from audit_events where {place}")).await;
            settings.tamper(&format!("update audit_events set {column} = {change} where {place}")).await;
            let expected = format!("stream {stream}: event 5 was changed, or the events before it were");
            assert_eq!(settings.flaws().await, [expected], "{column}");
            settings
                .tamper(&format!(
                    "delete from audit_events where {place}; insert into audit_events select * from kept; \
                     drop table kept"
                ))
                .await;
        }
        assert_eq!(settings.flaws().await, [""; 0], "all of it was put back");
        settings.tamper(&format!("update audit_events set mac = sha256('') where {place}")).await;
        let flaws = settings.flaws().await;
        let changed = |seq| format!("stream {stream}: event {seq} was changed, or the events before it were");
        assert_eq!(flaws, [changed(5), changed(6)], "the one before holds the one after");
        let outcome = settings.program(&["audit", "verify"]).await;
        assert!(!outcome.ok && outcome.stdout.contains(&changed(5)), "{outcome:?}");
        assert!(outcome.stdout.contains("THE CHAIN IS BROKEN"), "{outcome:?}");
    });
}

#[test]
fn a_removed_event_a_removed_end_and_a_removed_stream_are_found() {
    run(async {
        let (settings, [first, second, _]) = busy_run().await;
        let last = |stream: &str| format!("select max(seq) from audit_events where stream = '{stream}'");
        let (first_end, second_end) =
            (settings.ask_ledger(&last(&first)).await, settings.ask_ledger(&last(&second)).await);
        let missing = |stream: &str, from: &str, to: &str| {
            format!("stream {stream}: events {from} to {to} are missing")
        };

        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!("delete from audit_events where stream = '{first}' and seq in (4, 5)")).await;
        assert_eq!(copy.flaws().await, [missing(&first, "4", "5")], "in the middle");

        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!("delete from audit_events where stream = '{first}' and seq = {first_end}"))
            .await;
        assert_eq!(copy.flaws().await, [missing(&first, &first_end, &first_end)], "the end, told by a head");

        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!("delete from audit_events where stream = '{second}'")).await;
        assert_eq!(copy.flaws().await, [missing(&second, "1", &second_end)], "a stream, told by its head");

        copy.tamper(&format!("delete from audit_heads where stream = '{second}'")).await;
        let flaws = copy.flaws().await;
        assert_eq!(
            flaws,
            [missing(&second, "1", &second_end)],
            "a stream and its heads, told by a later stream"
        );

        let copy = settings.with_copied_ledger().await;
        copy.tamper("delete from audit_events; delete from audit_heads where kind <> 'head'").await;
        assert_eq!(copy.flaws().await.len(), 3, "all streams, told by their heads");
    });
}

#[test]
fn an_inserted_event_and_swapped_events_are_found() {
    run(async {
        let (settings, [first, ..]) = busy_run().await;
        let changed =
            |seq: u32| format!("stream {first}: event {seq} was changed, or the events before it were");

        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!(
            "insert into audit_events select stream, seq + 1, at, action, issuer, subject, role, database, lease, \
                                             request, detail, mac \
               from audit_events where stream = '{first}' order by seq desc limit 1"
        ))
        .await;
        let end =
            copy.ask_ledger(&format!("select max(seq) from audit_events where stream = '{first}'")).await;
        assert_eq!(copy.flaws().await, [changed(end.parse().unwrap())], "a copy at the end");

        let copy = settings.with_copied_ledger().await;
        copy.tamper(
            "insert into audit_events (stream, seq, at, action, detail, mac) \
             values ('00000000-0000-7000-8000-000000000001', 1, now(), 'lease.delivered', '{}', sha256('x'))",
        )
        .await;
        let forged =
            "stream 00000000-0000-7000-8000-000000000001: event 1 was changed, or the events before it were";
        assert_eq!(copy.flaws().await, [forged], "a stream that never was");

        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!(
            "update audit_events set seq = -seq where false; \
             alter table audit_events drop constraint audit_events_count_from_one; \
             update audit_events set seq = -4 where stream = '{first}' and seq = 4; \
             update audit_events set seq = 4 where stream = '{first}' and seq = 5; \
             update audit_events set seq = 5 where stream = '{first}' and seq = -4;"
        ))
        .await;
        let flaws = copy.flaws().await;
        assert_eq!(flaws, [changed(4), changed(5), changed(6)], "two swapped");
    });
}

#[test]
fn a_forged_head_is_found() {
    run(async {
        let (settings, [first, second, _]) = busy_run().await;
        let place = format!(
            "where stream = '{first}' and seq = (select min(seq) from audit_heads where stream = '{first}')"
        );
        let seq = settings.ask_ledger(&format!("select seq from audit_heads {place}")).await;
        let forged = format!("stream {first}: the signed head at event {seq} is forged or was changed");
        for change in [
            "mac = sha256('x')",
            "signature = sha256('x')",
            "at = at + interval '1 microsecond'",
            "kind = 'pruned'",
        ] {
            let copy = settings.with_copied_ledger().await;
            copy.tamper(&format!("update audit_heads set {change} {place}")).await;
            let flaws = copy.flaws().await;
            assert!(flaws.contains(&forged), "{change}: {flaws:?}");
        }
        let copy = settings.with_copied_ledger().await;
        copy.tamper(&format!("update audit_heads set stream = '{second}' {place}")).await;
        let flaws = copy.flaws().await;
        let forged = format!("stream {second}: the signed head at event {seq} is forged or was changed");
        assert!(flaws.contains(&forged), "of another stream: {flaws:?}");
    });
}
