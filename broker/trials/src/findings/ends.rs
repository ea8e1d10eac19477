//! How leases ended.

use std::collections::HashMap;

use crate::facts::Facts;

/// Leases on which the same work is on record twice, or whose record is not what their state says.
pub(super) fn worked_twice(facts: &Facts) -> Vec<String> {
    let mut done: HashMap<&str, HashMap<&str, u32>> = HashMap::new();
    for event in &facts.events {
        *done.entry(&event.lease).or_default().entry(&event.action).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for lease in &facts.leases {
        let events = done.remove(lease.id.as_str()).unwrap_or_default();
        let count = |action: &str| events.get(action).copied().unwrap_or(0);
        let was_active = u32::from(lease.expires_at.is_some());
        let (revoked, failed) = (u32::from(lease.state == "revoked"), u32::from(lease.state == "failed"));
        let expected = [("lease.issued", was_active), ("lease.revoked", revoked), ("lease.undone", failed)];
        for (action, times) in expected {
            if count(action) != times {
                let (id, state, told) = (&lease.id, &lease.state, count(action));
                wrong.push(format!("lease {id} is {state}, and has {told} events {action}"));
            }
        }
        if count("lease.ending") > 1 || (failed == 1 && count("lease.delivered") > 0) {
            wrong.push(format!("lease {} is {}, and has the events {events:?}", lease.id, lease.state));
        }
    }
    wrong.extend(done.keys().map(|lease| format!("lease {lease} is lost: it has events and no row")));
    wrong
}

/// Leases that ended as expired before their time was over.
pub(super) fn too_soon(facts: &Facts) -> Vec<String> {
    let expired = facts.leases.iter().filter(|lease| lease.reason.as_deref() == Some("expired"));
    let early = expired.filter(|lease| lease.ended_at < lease.expires_at && lease.ended_at.is_some());
    let say = |lease: &crate::facts::LeaseFact| {
        format!(
            "lease {} ended at {:?} as expired, which it was at {:?}",
            lease.id, lease.ended_at, lease.expires_at
        )
    };
    early.map(say).collect()
}
