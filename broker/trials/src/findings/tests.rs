//! Every kind of finding is found, in a record made up for it; and an innocent one is not.

use chrono::TimeDelta;

use super::*;
use crate::facts::{EventFact, LeaseFact};
use crate::journal::{Kind, LockedOut, Moment, Received, Trouble};

fn at(second: i64) -> Moment {
    Moment::from_timestamp(1_700_000_000 + second, 0).unwrap()
}

fn received(lease: &str) -> Received {
    let request = format!("request-{lease}");
    let (role, user) = ("orders-reader".to_owned(), format!("dsn_{lease}"));
    Received { lease: lease.to_owned(), user, role, request, replica: 0, at: at(1) }
}

/// A lease of ten seconds that was made then and is good, with its events.
fn lease(id: &str, made: i64) -> Facts {
    let event = |action: &str, at: Moment| EventFact {
        lease: id.to_owned(),
        action: action.to_owned(),
        at,
        request: Some(format!("request-{id}")),
        expires_at: Some(at + TimeDelta::seconds(10)),
    };
    Facts {
        leases: vec![LeaseFact {
            id: id.to_owned(),
            role: "orders-reader".to_owned(),
            state: "active".to_owned(),
            reason: None,
            cache_key: "key".to_owned(),
            username: format!("dsn_{id}"),
            rotated: false,
            created_at: at(made),
            refresh_after: Some(at(made + 5)),
            expires_at: Some(at(made + 10)),
            ended_at: None,
            due_at: Some(at(made + 10)),
            claimed: false,
            last_error: None,
        }],
        events: vec![event("lease.issued", at(made)), event("lease.delivered", at(made))],
    }
}

/// Two leases of one key.
fn two(made: i64) -> Facts {
    let (mut facts, other) = (lease("a", 0), lease("b", made));
    facts.leases.extend(other.leases);
    facts.events.extend(other.events);
    facts
}

fn end(facts: &mut Facts, action: &str, second: i64) {
    let lease = facts.leases[0].id.clone();
    let (action, at) = (action.to_owned(), at(second));
    facts.events.push(EventFact { lease, action, at, request: None, expires_at: None });
}

#[track_caller]
fn finds(notes: &Notes, facts: &Facts, what: &str) {
    let (found, _) = all(notes, facts);
    assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
}

#[track_caller]
fn finds_nothing(notes: &Notes, facts: &Facts) {
    let (found, _) = all(notes, facts);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_lease_with_its_record_is_innocent() {
    finds_nothing(&Notes { received: vec![received("a")], ..Notes::default() }, &lease("a", 0));
}

#[test]
fn a_delivery_that_is_not_on_record_is_found() {
    let notes = Notes { received: vec![received("a")], ..Notes::default() };
    let mut facts = lease("a", 0);
    facts.events[1].request = Some("another".to_owned());
    finds(&notes, &facts, "is on record 0 times");
    let mut facts = lease("a", 0);
    end(&mut facts, "lease.delivered", 1);
    facts.events[2].request = facts.events[1].request.clone();
    finds(&notes, &facts, "is on record 2 times");
    let mut facts = lease("a", 0);
    facts.leases[0].username = "dsn_another".to_owned();
    finds(&notes, &facts, "lease a (dsn_a) was received");
}

#[test]
fn a_lease_that_is_lost_is_found() {
    let mut facts = lease("a", 0);
    facts.leases.clear();
    finds(&Notes::default(), &facts, "lease a is lost");
}

#[test]
fn work_that_is_done_twice_is_found() {
    let mut facts = lease("a", 0);
    facts.leases[0].state = "revoked".to_owned();
    end(&mut facts, "lease.revoked", 10);
    finds_nothing(&Notes::default(), &facts);
    end(&mut facts, "lease.revoked", 11);
    finds(&Notes::default(), &facts, "has 2 events lease.revoked");
    let mut facts = lease("a", 0);
    end(&mut facts, "lease.ending", 3);
    end(&mut facts, "lease.ending", 3);
    finds(&Notes::default(), &facts, "lease.ending");
}

#[test]
fn a_lease_that_expires_before_its_time_is_found() {
    let mut facts = lease("a", 0);
    (facts.leases[0].state, facts.leases[0].reason) = ("revoked".to_owned(), Some("expired".to_owned()));
    facts.leases[0].ended_at = Some(at(9));
    end(&mut facts, "lease.revoked", 9);
    finds(&Notes::default(), &facts, "as expired");
}

#[test]
fn a_second_mint_before_the_time_is_found() {
    finds_nothing(&Notes::default(), &two(5));
    finds(&Notes::default(), &two(4), "lease b of orders-reader was made");
    let mut revoked = two(4);
    end(&mut revoked, "lease.ending", 3);
    finds_nothing(&Notes::default(), &revoked);
    let mut undelivered = two(4);
    undelivered.events.remove(1);
    finds_nothing(&Notes::default(), &undelivered);
}

#[test]
fn a_second_mint_is_excused_while_redis_is_away_alone() {
    let trouble = |kind, from, until| Notes {
        troubles: vec![Trouble { kind, from: at(from), until: at(until) }],
        ..Notes::default()
    };
    finds_nothing(&trouble(Kind::Redis, 3, 4), &two(4));
    finds_nothing(&trouble(Kind::Stopped, -1, 0), &two(4));
    finds_nothing(&trouble(Kind::RedisEmptied, 2, 2), &two(4));
    finds(&trouble(Kind::Redis, -9, -4), &two(4), "lease b");
    finds(&trouble(Kind::Ledger, 0, 4), &two(4), "lease b");
    finds(&trouble(Kind::Target, 0, 4), &two(4), "lease b");
}

#[test]
fn a_login_that_fails_is_found_unless_the_lease_has_ended_or_the_target_is_away() {
    let login = |refused| LockedOut {
        lease: "a".to_owned(),
        user: "dsn_a".to_owned(),
        from: at(1),
        until: at(2),
        refused,
        error: "no".to_owned(),
    };
    let locked_out = |refused| Notes { locked_out: vec![login(refused)], ..Notes::default() };
    finds(&locked_out(true), &lease("a", 0), "did not log in");
    let mut ended = lease("a", 0);
    end(&mut ended, "lease.ending", 1);
    finds_nothing(&locked_out(true), &ended);
    let away = Trouble { kind: Kind::Target, from: at(0), until: at(1) };
    finds_nothing(&Notes { troubles: vec![away.clone()], ..locked_out(false) }, &lease("a", 0));
    finds(&Notes { troubles: vec![away], ..locked_out(true) }, &lease("a", 0), "did not log in");
}
