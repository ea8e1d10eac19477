//! The audit chain.

mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use dsn_broker::ledger::{Flaw, Verdict, Verifier};
use uuid::Uuid;

use crate::Choices;
use crate::audit::ledger::{KEY, Ledger};

/// Decisions about a ledger, and then about who tampers with it without the key. What a naive comparison with the
/// untouched ledger calls whole has no flaw, everything else has one, and no stream is blamed that nobody touched.
pub fn audit(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let good = Ledger::new(&mut choices);
    let verdict = verdict(&good);
    assert_eq!(verdict.flaws, [], "nobody tampered with it");
    assert_eq!((verdict.events, verdict.heads), (good.events.len() as u64, good.heads.len() as u64));
    let mut bad = good.clone();
    for _ in 0..=choices.below(4) {
        bad.tamper(&mut choices);
    }
    let flaws = self::verdict(&bad).flaws;
    let touched = touched(&good, &bad);
    match lost(&good, &bad) {
        None => assert_eq!(flaws, [], "it is whole, as far as anyone can know"),
        Some(what) => assert!(!flaws.is_empty(), "{what}, and nobody notices"),
    }
    for flaw in &flaws {
        assert!(touched.contains(&stream(flaw)), "nobody touched that: {flaw}");
    }
}

fn verdict(ledger: &Ledger) -> Verdict {
    let mut verifier = Verifier::new(&KEY);
    ledger.heads.values().for_each(|head| verifier.head(head.clone()));
    ledger.events.values().for_each(|event| verifier.event(event));
    verifier.finish()
}

/// What is not as it was and can be known, if anything.
fn lost(good: &Ledger, bad: &Ledger) -> Option<String> {
    for (place, event) in &bad.events {
        if good.events.get(place).map(|event| format!("{event:?}")) != Some(format!("{event:?}")) {
            return Some(format!("the event at {place:?} is not what it was"));
        }
    }
    for (place, head) in &bad.heads {
        if good.heads.get(place).map(|head| format!("{head:?}")) != Some(format!("{head:?}")) {
            return Some(format!("the head at {place:?} is not what it was"));
        }
    }
    let (starts, ends) = (bad.starts(), bad.ends());
    for (stream, end) in &ends {
        let start = starts.get(stream).copied().unwrap_or(0);
        let there = bad.events.keys().filter(|(of, seq)| of == stream && *seq > start).count();
        let missing = usize::try_from(end - start).unwrap_or(usize::MAX) != there;
        if missing || bad.events.keys().any(|(of, seq)| of == stream && *seq <= start) {
            return Some(format!("{stream} has a gap, or begins before its start"));
        }
    }
    for (stream, seq) in bad.reached() {
        let end = ends.get(&stream).or(starts.get(&stream)).copied().unwrap_or(0);
        if seq > end {
            return Some(format!("{stream} had reached {seq}"));
        }
    }
    None
}

/// The streams with a row that is new, gone or changed.
fn touched(good: &Ledger, bad: &Ledger) -> BTreeSet<Uuid> {
    let rows = |ledger: &Ledger| {
        let events = ledger
            .events
            .iter()
            .map(|((stream, seq), row)| ((*stream, *seq, "event".to_owned()), format!("{row:?}")));
        let heads = ledger
            .heads
            .iter()
            .map(|((stream, seq, kind), row)| ((*stream, *seq, kind.clone()), format!("{row:?}")));
        events.chain(heads).collect::<BTreeMap<_, _>>()
    };
    let (good, bad) = (rows(good), rows(bad));
    let places = good.keys().chain(bad.keys());
    places.filter(|place| good.get(*place) != bad.get(*place)).map(|(stream, ..)| *stream).collect()
}

fn stream(flaw: &Flaw) -> Uuid {
    match flaw {
        Flaw::Changed { stream, .. }
        | Flaw::Missing { stream, .. }
        | Flaw::Inserted { stream, .. }
        | Flaw::Head { stream, .. }
        | Flaw::Replaced { stream, .. } => *stream,
    }
}
