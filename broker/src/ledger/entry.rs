//! What is written to the ledger: a change of one lease with the events about it.

use crate::id::{ClaimToken, LeaseId};
use crate::model::{Event, Lease, LeaseState};
use crate::time::Timestamp;

/// A change with its events: written together or not at all.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    pub(super) change: Option<Change>,
    pub(super) events: Vec<Event>,
    /// The lease that must be active for the events to be written.
    pub(super) while_active: Option<LeaseId>,
    pub(super) last: bool,
}

/// A change of one lease.
#[derive(Clone, Debug)]
pub enum Change {
    /// A new lease, pending.
    Open(Box<NewLease>),
    /// A lease in a new state.
    Move {
        /// The lease as it is to be.
        to: Box<Lease>,
        /// What must still be true.
        fence: Fence,
    },
    /// A claimed lease could not be ended: its claim is given back, and it is tried again later.
    Defer {
        /// The lease.
        lease: LeaseId,
        /// The claim.
        claim: ClaimToken,
        /// When it is tried again.
        due_at: Timestamp,
        /// Why it could not be ended, without secrets.
        error: String,
    },
}

/// A lease to be opened.
#[derive(Clone, Debug)]
pub struct NewLease {
    /// The lease, pending.
    pub lease: Lease,
    /// The key under which it is shared.
    pub cache_key: String,
    /// How many live leases its workload may have for its role, this one included.
    pub max_leases: Option<u32>,
}

/// What must still be true of a lease for a change to apply.
#[derive(Clone, Copy, Debug)]
pub enum Fence {
    /// It is in this state and nobody has a claim on it.
    Unclaimed(LeaseState),
    /// It is in this state. Whoever has a claim on it loses it.
    State(LeaseState),
    /// This claim on it is the latest.
    Claim(ClaimToken),
}

/// Why a change did not apply. Nothing of its entry was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The workload has as many leases for this role as it may have.
    #[error("the workload has as many leases for this role as its bindings allow")]
    Quota,
    /// Somebody else has changed or claimed the lease since.
    #[error("the lease was changed by somebody else in the meantime")]
    Superseded,
}

impl Entry {
    /// Events alone.
    pub fn events(events: impl IntoIterator<Item = Event>) -> Self {
        Self { events: events.into_iter().collect(), ..Self::default() }
    }

    /// The record that `lease` is handed out: written only while the lease is active, so that what was
    /// revoked is not delivered, whatever a cache still holds.
    pub fn delivery(lease: LeaseId, event: Event) -> Self {
        Self { events: vec![event], while_active: Some(lease), ..Self::default() }
    }

    /// A change and what is recorded of it.
    pub fn change(change: Change, events: impl IntoIterator<Item = Event>) -> Self {
        Self { change: Some(change), events: events.into_iter().collect(), ..Self::default() }
    }

    /// The entry that ends the stream.
    pub(super) fn end() -> Self {
        Self { last: true, ..Self::default() }
    }
}
