//! One credential at a time for each key.
//!
//! A lease that was delivered must have no delivered successor that was begun before the time of its refresh, unless
//! it was ended before. This is not asked
//!
//! - while a replica is cut off from Redis, or Redis is away or hangs, or a replica stands still: then each replica
//!   mints by itself, or one that held the lock wakes up after another one has taken over;
//! - across a moment at which Redis lost what it held: the successor's maker could not know.
//!
//! That a replica is killed excuses nothing: what it was making was not delivered, and what it had made is in Redis.

use std::collections::HashMap;

use crate::facts::{Facts, LeaseFact};
use crate::journal::{Kind, Moment, Notes};

/// How many pairs of leases overlapped before the time, and why that was nothing to wonder about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Overlaps {
    /// Pairs of a lease and its successor that were looked at.
    pub(crate) pairs: u32,
    /// Those that overlapped because Redis was away, or a replica stood still.
    pub(crate) excused: u32,
}

/// Leases that were made though there was one.
pub(super) fn twice(notes: &Notes, facts: &Facts) -> (Vec<String>, Overlaps) {
    let history = History::of(facts);
    let mut keys: HashMap<&str, Vec<&LeaseFact>> = HashMap::new();
    for lease in facts.leases.iter().filter(|lease| history.delivered.contains_key(lease.id.as_str())) {
        keys.entry(&lease.cache_key).or_default().push(lease);
    }
    let (mut wrong, mut overlaps) = (Vec::new(), Overlaps::default());
    for leases in keys.values_mut() {
        leases.sort_by_key(|lease| lease.created_at);
        for (place, lease) in leases.iter().enumerate() {
            let until = history.stands_until(lease);
            for successor in leases.iter().skip(place + 1) {
                overlaps.pairs += 1;
                if successor.created_at >= until {
                    break;
                }
                if history.is_excused(notes, lease, successor) {
                    overlaps.excused += 1;
                    continue;
                }
                wrong.push(format!(
                    "lease {} of {} was made at {}, though lease {} of the same key, made at {}, was to stand until {until}",
                    successor.id, successor.role, successor.created_at, lease.id, lease.created_at,
                ));
            }
        }
    }
    (wrong, overlaps)
}

/// What the record says about times, by lease.
struct History<'a> {
    delivered: HashMap<&'a str, Moment>,
    ended: HashMap<&'a str, Moment>,
    first_end: HashMap<&'a str, Moment>,
    renewed: HashMap<&'a str, Moment>,
}

impl<'a> History<'a> {
    fn of(facts: &'a Facts) -> Self {
        let first = |actions: &[&str]| {
            let mut first: HashMap<&str, Moment> = HashMap::new();
            for event in facts.events.iter().filter(|event| actions.contains(&event.action.as_str())) {
                let at = first.entry(&event.lease).or_insert(event.at);
                *at = event.at.min(*at);
            }
            first
        };
        let issued = facts.events.iter().filter(|event| event.action == "lease.issued");
        Self {
            delivered: first(&["lease.delivered"]),
            ended: first(&["lease.ending", "lease.revoked"]),
            first_end: issued.filter_map(|event| Some((event.lease.as_str(), event.expires_at?))).collect(),
            renewed: first(&["lease.renewed"]),
        }
    }

    /// Up to when nobody needs a successor.
    fn stands_until(&self, lease: &LeaseFact) -> Moment {
        let id = lease.id.as_str();
        let refresh = match (self.renewed.get(id), self.first_end.get(id)) {
            (None, _) => lease.refresh_after,
            // The record has forgotten the first time of refresh; it was at two fifths of the first life, or later.
            (Some(_), Some(end)) => Some(lease.created_at + (*end - lease.created_at) * 2 / 5),
            (Some(_), None) => None,
        };
        let refresh = refresh.unwrap_or(lease.created_at);
        self.ended.get(id).map_or(refresh, |ended| refresh.min(*ended))
    }

    fn is_excused(&self, notes: &Notes, lease: &LeaseFact, successor: &LeaseFact) -> bool {
        let delivered = |lease: &LeaseFact| self.delivered.get(lease.id.as_str()).copied();
        let alone = [Kind::Redis, Kind::RedisEmptied, Kind::Stopped];
        let mints =
            [lease, successor].map(|lease| (lease.created_at, delivered(lease).unwrap_or(lease.created_at)));
        notes.troubles.iter().any(|trouble| {
            mints.iter().any(|(from, until)| trouble.meets(&alone, *from, *until))
                || trouble.meets(&[Kind::RedisEmptied], lease.created_at, successor.created_at)
        })
    }
}
