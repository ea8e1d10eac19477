//! The one writer: what it says is written is written, whole and in a chain without gaps.

use std::sync::Arc;
use std::time::Duration;

use dsn_broker::entropy::{SystemEntropy, bytes};
use dsn_broker::id::{ClaimToken, LeaseId};
use dsn_broker::ledger::{
    self, Change, Entry, Fence, Filter, Ledger, LedgerError, NewLease, Refused, connect_options,
};
use dsn_broker::model::{
    Action, EngineKind, Event, Handle, Lease, LeaseState, Principal, Share, State, Times,
};
use dsn_broker::secret::Secret;
use dsn_broker::telemetry::Metrics;
use dsn_broker::time::{Clock, SystemClock};
use futures_util::future::join_all;

use crate::stand::{Settings, run, unique, world};

async fn settings() -> Settings {
    let settings = Settings::new(world().await, &unique()).await;
    settings.migrate().await;
    settings.write();
    settings
}

fn open(settings: &Settings) -> Arc<Ledger> {
    open_at(&settings.writer_url, settings, 4096, Duration::from_secs(5))
}

fn open_at(url: &str, settings: &Settings, queue: usize, timeout: Duration) -> Arc<Ledger> {
    dsn_broker::tls::provider();
    let key = std::fs::read(settings.folder().join("audit")).unwrap();
    let key = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, key).unwrap();
    let settings = ledger::Settings {
        options: connect_options(&Secret::new(url), Some(&settings.ca_path)).unwrap(),
        key: key.try_into().unwrap(),
        connections: 4,
        queue,
        timeout,
        heads_every: Duration::from_secs(60),
    };
    Ledger::start(settings, Arc::new(SystemClock), Metrics::new())
}

fn event(mark: impl ToString) -> Event {
    Event::new(SystemClock.now(), Action::AuditRead).with("mark", mark.to_string())
}

/// An event that the database will not have: text cannot hold the character NUL.
fn poison() -> Event {
    event("poison").in_request("a\0b")
}

fn lease() -> Lease {
    let now = SystemClock.now();
    Lease {
        id: LeaseId(uuid::Uuid::from_bytes(bytes(&SystemEntropy))),
        role: "r".parse().unwrap(),
        database: "d".parse().unwrap(),
        engine: EngineKind::Postgres,
        principal: Principal { issuer: "i".parse().unwrap(), subject: "s".to_owned() },
        share: Share::Workload,
        handle: Handle::of("u"),
        drain: Duration::ZERO,
        created_at: now,
        state: State::Pending { deadline: now + Duration::from_secs(60) },
    }
}

fn opening(lease: &Lease, events: impl IntoIterator<Item = Event>) -> Entry {
    let new = NewLease { lease: lease.clone(), cache_key: String::new(), max_leases: None };
    Entry::change(Change::Open(Box::new(new)), events)
}

fn activation(lease: &Lease, events: impl IntoIterator<Item = Event>) -> Entry {
    let now = SystemClock.now();
    let times = Times { issued_at: now, refresh_after: now, expires_at: now, max_expires_at: now };
    let active = lease.clone().activate(times).unwrap();
    let change = Change::Move { to: Box::new(active), fence: Fence::Unclaimed(LeaseState::Pending) };
    Entry::change(change, events)
}

const MARKS: &str = "select string_agg(detail::json ->> 'mark', ' ' order by stream, seq) from audit_events \
                     where action = 'audit.read'";

/// No gaps in any stream.
const GAPS: &str =
    "select count(*) from (select stream from audit_events group by 1 having max(seq) <> count(*)) gaps";

#[test]
fn a_change_and_its_events_are_written_together_or_not_at_all() {
    run(async {
        let settings = settings().await;
        let ledger = open(&settings);
        let lease = lease();
        let failed = ledger.write(opening(&lease, [event("a"), poison()])).await;
        assert!(matches!(failed, Err(LedgerError::Database { .. })), "{failed:?}");
        assert!(ledger.lease(lease.id).await.unwrap().is_none(), "not the change without its events");
        ledger.write(opening(&lease, [event("b")])).await.unwrap().unwrap();
        ledger.write(activation(&lease, [event("c"), event("d")])).await.unwrap().unwrap();
        let again = ledger.write(activation(&lease, [event("e")])).await.unwrap();
        assert_eq!(again, Err(Refused::Superseded));
        let delivery = Entry::delivery(self::lease().id, event("f"));
        assert_eq!(ledger.write(delivery).await.unwrap(), Err(Refused::Superseded));
        ledger.close().await;
        assert_eq!(settings.ask_ledger(MARKS).await, "b c d", "not the events without the change");
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn what_was_condemned_before_it_came_to_life_never_does() {
    run(async {
        let settings = settings().await;
        let ledger = open(&settings);
        let (condemned, other) = (lease(), Lease { role: "other".parse().unwrap(), ..lease() });
        for lease in [&condemned, &other] {
            ledger.write(opening(lease, [])).await.unwrap().unwrap();
        }
        let now = SystemClock.now();
        let token = || ClaimToken::new(now, &SystemEntropy);
        let filter = Filter { role: Some(condemned.role.clone()), ..Filter::default() };
        assert_eq!(ledger.condemn_all(&filter, token(), now).await.unwrap(), 1);
        let too_late = ledger.write(activation(&condemned, [event("late")])).await.unwrap();
        assert_eq!(too_late, Err(Refused::Superseded));
        ledger.write(activation(&other, [])).await.unwrap().unwrap();
        let due =
            ledger.claim_due(&condemned.database, 10, token(), now, Duration::from_secs(60)).await.unwrap();
        let due: Vec<_> = due.into_iter().map(|claimed| claimed.lease.id).collect();
        assert_eq!(due, [condemned.id], "and the reaper takes it at once");
        ledger.close().await;
    });
}

#[test]
fn an_entry_that_the_database_will_not_have_takes_no_other_with_it() {
    run(async {
        let settings = settings().await;
        let ledger = open(&settings);
        let entries = (0..100).map(|n| Entry::events([if n % 10 == 3 { poison() } else { event(n) }]));
        let written = join_all(entries.map(|entry| ledger.write(entry))).await;
        for (n, written) in written.iter().enumerate() {
            assert_eq!(written.is_ok(), n % 10 != 3, "{n}: {written:?}");
        }
        ledger.close().await;
        assert_eq!(settings.ask_ledger(MARKS).await.split(' ').count(), 90);
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn a_full_queue_is_an_error_at_once() {
    run(async {
        let settings = settings().await;
        // Takes connections, and never says anything.
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("postgres://u:p@localhost:{}/d", silent.local_addr().unwrap().port());
        let ledger = open_at(&url, &settings, 4, Duration::from_secs(1));
        let mut writes: Vec<_> = (0..50).map(|n| Box::pin(ledger.write(Entry::events([event(n)])))).collect();
        let mut overloaded = 0;
        for write in &mut writes {
            if let std::task::Poll::Ready(answer) = futures_util::poll!(write) {
                assert!(matches!(answer, Err(LedgerError::Overloaded)), "{answer:?}");
                overloaded += 1;
            }
        }
        assert!(overloaded >= 40, "{overloaded} of 50 did not fit");
        let late = ledger.ping().await;
        assert!(matches!(late, Err(LedgerError::Timeout { .. } | LedgerError::Database { .. })), "{late:?}");
    });
}

#[test]
fn many_writers_at_two_replicas_make_chains_without_gaps() {
    run(async {
        let settings = settings().await;
        let ledgers = [open(&settings), open(&settings)];
        let writes = (0..1000).map(|n| ledgers[n % 2].write(Entry::events([event(n), event(n)])));
        assert!(join_all(writes).await.into_iter().all(|written| matches!(written, Ok(Ok(())))));
        for ledger in ledgers {
            ledger.close().await;
        }
        assert_eq!(settings.ask_ledger(GAPS).await, "0");
        let verdict = settings.verdict().await;
        assert_eq!((verdict.streams, verdict.events, verdict.flaws), (2, 2 * 1000 + 4, vec![]));
    });
}

#[test]
fn what_was_reported_as_written_is_there_although_connections_break() {
    run(async {
        let settings = settings().await;
        let ledger = open(&settings);
        ledger.write(Entry::events([event("first")])).await.unwrap().unwrap();
        let writing = async {
            let mut written = Vec::new();
            for round in 0..60 {
                let entries = (0..20).map(|n| {
                    let mark = format!("{round}-{n}");
                    let entry = match n % 2 {
                        0 => Entry::events([event(&mark)]),
                        _ => opening(&lease(), [event(&mark)]),
                    };
                    async { ledger.write(entry).await.is_ok_and(|applied| applied.is_ok()).then_some(mark) }
                });
                written.extend(join_all(entries).await.into_iter().flatten());
            }
            written
        };
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
                   where datname = current_database() and usename = 'ledger_writer'";
        let cutting = async {
            loop {
                settings.tamper(cut).await;
            }
        };
        let written = tokio::select! {
            written = writing => written,
            () = cutting => unreachable!("it goes on for ever"),
        };
        ledger.close().await;
        let marks = settings.ask_ledger(MARKS).await;
        let marks: Vec<&str> = marks.split(' ').collect();
        let mut told = marks.clone();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), marks.len(), "nothing is there twice");
        assert!(written.iter().all(|mark| told.binary_search(&mark.as_str()).is_ok()), "nothing is lost");
        assert!(!written.is_empty());
        assert_eq!(settings.ask_ledger(GAPS).await, "0");
        assert_eq!(settings.flaws().await, [""; 0]);
    });
}

#[test]
fn two_replicas_that_change_the_same_leases_do_not_lock_each_other_out() {
    run(async {
        let settings = settings().await;
        let ledgers = [open(&settings), open(&settings)];
        for _ in 0..3 {
            let leases: Vec<Lease> = (0..200).map(|_| lease()).collect();
            let opened = join_all(leases.iter().map(|lease| ledgers[0].write(opening(lease, [])))).await;
            assert!(opened.into_iter().all(|opened| opened.unwrap().is_ok()));
            let there = join_all(leases.iter().map(|lease| ledgers[0].write(activation(lease, []))));
            let back = join_all(leases.iter().rev().map(|lease| ledgers[1].write(activation(lease, []))));
            let (there, back) = tokio::join!(there, back);
            let applied = |answers: Vec<Result<Result<(), Refused>, LedgerError>>| {
                answers.into_iter().filter(|answer| answer.as_ref().unwrap().is_ok()).count()
            };
            assert_eq!(applied(there) + applied(back), 200, "each is changed once");
        }
        for ledger in ledgers {
            ledger.close().await;
        }
    });
}
