//! Revoking now: one lease, or all that an incident concerns.

use crate::broker::Broker;
use crate::id::{ClaimToken, LeaseId};
use crate::ledger::{Change, Entry, Fence, Filter, LedgerError};
use crate::model::{Action, Event, Lease, LeaseState, Principal, Reason, State};

/// How many leases one step of a bulk revocation takes.
const PAGE: u32 = 500;

/// Why a lease was not revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// There is no such lease.
    #[error("there is no such lease")]
    Unknown,
    /// The ledger could not record it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Who asks for a revocation, and why.
#[derive(Clone, Debug)]
pub struct Revocation<'a> {
    /// Who asks.
    pub by: &'a Principal,
    /// Why the lease ends.
    pub reason: Reason,
    /// In the asker's words.
    pub note: Option<&'a str>,
    /// The identifier of the request.
    pub request: &'a str,
}

impl Broker {
    /// Revokes a lease: from the record on it is not delivered any more, and its sessions are ended now if the
    /// database can be told; otherwise by the reaper as soon as it can.
    pub async fn revoke(&self, id: LeaseId, why: &Revocation<'_>) -> Result<Lease, RevokeError> {
        let lease = self.mark(id, why).await?;
        if lease.due_at().is_none() {
            return Ok(lease);
        }
        Ok(self.end_now(lease).await?)
    }

    /// Puts on record that an active lease has to end now, and takes it out of the cache.
    async fn mark(&self, id: LeaseId, why: &Revocation<'_>) -> Result<Lease, RevokeError> {
        let lease = self.ledger.lease(id).await?.ok_or(RevokeError::Unknown)?;
        let now = self.clock.now();
        let State::Active(_) = lease.state else {
            self.ledger.condemn(id, now).await?;
            return Ok(lease);
        };
        let now_draining = Lease { drain: std::time::Duration::ZERO, ..lease.clone() }.drain(now, why.reason);
        let Ok(to) = now_draining else { return Ok(lease) };
        let mut event = Event::new(now, Action::LeaseEnding)
            .by(why.by)
            .about(&to)
            .in_request(why.request)
            .with("reason", why.reason.as_str());
        if let Some(note) = why.note {
            event = event.with("note", note);
        }
        // A renewal that is under way loses its claim, and with it its effect.
        let change = Change::Move { to: Box::new(to.clone()), fence: Fence::State(LeaseState::Active) };
        let applied = self.ledger.write(Entry::change(change, [event])).await?;
        self.keep.evict(id).await;
        // Superseded: it has just ended.
        Ok(if applied.is_ok() { to } else { lease })
    }

    /// Revokes every live lease that matches; answers how many. They are off the record of deliverable leases when
    /// this returns; the reaper ends their sessions, as many at once as each database takes.
    pub async fn revoke_all(&self, filter: Filter, why: &Revocation<'_>) -> Result<u64, RevokeError> {
        let now = self.clock.now();
        let described = serde_json::json!({
            "issuer": filter.issuer, "subject": filter.subject, "role": filter.role, "database": filter.database,
        });
        let mut event = Event::new(now, Action::RevocationRequested)
            .by(why.by)
            .in_request(why.request)
            .with("filter", described);
        if let Some(note) = why.note {
            event = event.with("note", note);
        }
        let _ = self.ledger.write(Entry::events([event])).await?;
        let token = ClaimToken::new(now, &*self.entropy);
        let mut count = self.ledger.condemn_all(&filter, token, now).await?;
        let mut page = Filter { live: true, state: Some(LeaseState::Active), before: None, ..filter };
        loop {
            let leases = self.ledger.leases(&page, PAGE).await?;
            let Some(last) = leases.last() else { break };
            page.before = Some(last.id);
            let marks = leases.iter().map(|lease| self.mark(lease.id, why));
            for marked in futures_util::future::join_all(marks).await {
                marked?;
                count += 1;
            }
        }
        self.due.notify_waiters();
        Ok(count)
    }
}
