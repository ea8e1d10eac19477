//! The end of a credential, whoever asks for it: no new logins, drain, sessions ended, gone.

use std::time::Duration;

use crate::broker::{Broker, failpoint};
use crate::engine::{EngineError, Sessions};
use crate::ledger::{Change, Claimed, Entry, Fence, LedgerError};
use crate::model::{Action, Event, Lease, Reason, State};

/// How long the first pause after a failed try is; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// How long a pause is at most: it is tried for ever.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How often it is looked whether another one is done: for ten seconds.
pub(super) const LOOKS: u32 = 200;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// A claimed lease, and what came of ending it in the world.
pub(super) struct Acted {
    claimed: Claimed,
    drains: bool,
    done: Result<(), EngineError>,
}

impl Broker {
    /// Ends a lease that is due; whoever is at it already will have done it in a moment. Answers the lease as it is then.
    pub(super) async fn end_now(&self, lease: Lease) -> Result<Lease, LedgerError> {
        for _ in 0..LOOKS {
            if let Some(claimed) = self.claim_for(lease.id, lease.database.clone()).await? {
                return self.end(claimed).await;
            }
            match self.ledger.lease(lease.id).await? {
                Some(present) if present.due_at().is_some() => tokio::time::sleep(BETWEEN_LOOKS).await,
                Some(ended) => return Ok(ended),
                None => break,
            }
        }
        Ok(lease)
    }

    /// Brings a claimed lease one step nearer to its end; answers the lease as it is then.
    ///
    /// If the database cannot be told now, the lease stays as it is, and is tried again later.
    pub(super) async fn end(&self, claimed: Claimed) -> Result<Lease, LedgerError> {
        self.record_end(self.act(claimed).await).await
    }

    /// The world's part of [`Broker::end`].
    pub(super) async fn act(&self, claimed: Claimed) -> Acted {
        failpoint::pass("end.claimed");
        let lease = &claimed.lease;
        self.keep.evict(lease.id).await;
        let drains = matches!(lease.state, State::Active(_)) && !lease.drain.is_zero();
        let done = if drains { self.disable(lease).await } else { self.remove(lease).await };
        Acted { claimed, drains, done }
    }

    /// The record's part of [`Broker::end`].
    pub(super) async fn record_end(&self, acted: Acted) -> Result<Lease, LedgerError> {
        let Acted { claimed, drains, done } = acted;
        if let Err(error) = done {
            self.defer(&claimed, &error).await?;
            return Ok(claimed.lease);
        }
        let (now, lease) = (self.clock.now(), &claimed.lease);
        let ended = match drains {
            true => lease.clone().drain(now, Reason::Expired),
            false => lease.clone().end(now, Reason::Expired),
        };
        let Ok(to) = ended else { return Ok(claimed.lease) };
        let event =
            Event::new(now, action(&to.state)).about(&to).with("username", to.handle.username.as_str());
        let event = match &to.state {
            State::Draining { reason, .. } | State::Revoked { reason, .. } => {
                event.with("reason", reason.as_str())
            }
            State::Pending { .. } | State::Active(_) | State::Failed { .. } => event,
        };
        let change = Change::Move { to: Box::new(to.clone()), fence: Fence::Claim(claimed.token) };
        // Whoever took the claim over in the meantime did, or will do, the same.
        let _ = self.ledger.write(Entry::change(change, [event])).await?;
        self.metrics.lease_ended(&to.database, to.state.name());
        Ok(to)
    }

    async fn disable(&self, lease: &Lease) -> Result<(), EngineError> {
        let site = self.site(&lease.database)?;
        site.call(site.engine.disable(&lease.handle)).await?;
        failpoint::pass("end.disabled");
        Ok(())
    }

    async fn remove(&self, lease: &Lease) -> Result<(), EngineError> {
        let site = self.site(&lease.database)?;
        if self.leaves_nothing(lease).await? {
            return Ok(());
        }
        let sessions = match &lease.state {
            State::Draining { reason: Reason::Incident | Reason::Released, .. } => Sessions::End,
            _ => Sessions::Leave,
        };
        site.call(site.engine.remove(&lease.handle, sessions)).await?;
        failpoint::pass("end.removed");
        Ok(())
    }

    async fn defer(&self, claimed: &Claimed, error: &EngineError) -> Result<(), LedgerError> {
        let lease = &claimed.lease;
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(claimed.attempts - 1)).min(LONGEST_PAUSE);
        let pause = match error {
            EngineError::Busy { retry_after, .. } => pause.max((*retry_after).min(LONGEST_PAUSE)),
            EngineError::Unavailable { .. } | EngineError::Refused { .. } => pause,
        };
        let due_at = self.clock.now() + pause;
        tracing::error!(
            lease.id = %lease.id, database.name = %lease.database, user = lease.handle.username,
            attempts = claimed.attempts, %error, next_try = %due_at.to_rfc3339(),
            "a credential could not be ended; it is tried again"
        );
        self.metrics.end_failed(&lease.database);
        let change =
            Change::Defer { lease: lease.id, claim: claimed.token, due_at, error: error.to_string() };
        let _ = self.ledger.write(Entry::change(change, [])).await?;
        Ok(())
    }
}

fn action(state: &State) -> Action {
    match state {
        State::Failed { .. } => Action::LeaseUndone,
        State::Revoked { .. } => Action::LeaseRevoked,
        State::Pending { .. } | State::Active(_) | State::Draining { .. } => Action::LeaseEnding,
    }
}
