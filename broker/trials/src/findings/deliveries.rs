//! What callers received.

use std::collections::HashMap;

use crate::facts::{Facts, LeaseFact};
use crate::journal::{Kind, LockedOut, Notes};

/// DSNs that callers received and that are not on record, once, with their lease.
pub(super) fn unrecorded(notes: &Notes, facts: &Facts) -> Vec<String> {
    let mut delivered: HashMap<(&str, &str), u32> = HashMap::new();
    for event in facts.events.iter().filter(|event| event.action == "lease.delivered") {
        let request = event.request.as_deref().unwrap_or_default();
        *delivered.entry((&event.lease, request)).or_default() += 1;
    }
    let leases = by_id(facts);
    let told = |received: &&crate::journal::Received| {
        let count = delivered.get(&(received.lease.as_str(), received.request.as_str())).copied();
        let on_record = leases.get(received.lease.as_str());
        let issued = on_record.filter(|lease| lease.expires_at.is_some() && lease.role == received.role);
        let same = issued.is_some_and(|lease| lease.username == received.user);
        (count != Some(1) || !same).then(|| {
            format!(
                "lease {} ({}) was received from replica {} at {} in request {}, and is on record {} times: {on_record:?}",
                received.lease, received.user, received.replica, received.at, received.request,
                count.unwrap_or(0),
            )
        })
    };
    notes.received.iter().filter_map(|received| told(&received)).collect()
}

/// Logins that failed though nothing was in their way.
pub(super) fn locked_out(notes: &Notes, facts: &Facts) -> Vec<String> {
    let mut ended = HashMap::new();
    for event in facts.events.iter().filter(|event| ENDS.contains(&event.action.as_str())) {
        let first = ended.entry(event.lease.as_str()).or_insert(event.at);
        *first = event.at.min(*first);
    }
    let leases = by_id(facts);
    let excused = |login: &LockedOut| {
        let ending = ended.get(login.lease.as_str()).is_some_and(|at| *at <= login.until);
        let expired = leases.get(login.lease.as_str()).and_then(|lease| lease.expires_at);
        let away =
            notes.troubles.iter().any(|trouble| trouble.meets(&[Kind::Target], login.from, login.until));
        ending || expired.is_some_and(|at| at <= login.until) || (away && !login.refused)
    };
    let failed = notes.locked_out.iter().filter(|login| !excused(login));
    let say = |login: &LockedOut| {
        format!(
            "lease {} ({}) had just been received, and did not log in at {}: {}",
            login.lease, login.user, login.from, login.error
        )
    };
    failed.map(say).collect()
}

fn by_id(facts: &Facts) -> HashMap<&str, &LeaseFact> {
    facts.leases.iter().map(|lease| (lease.id.as_str(), lease)).collect()
}

const ENDS: [&str; 3] = ["lease.ending", "lease.revoked", "lease.undone"];
