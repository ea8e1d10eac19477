//! Extending a lease.

use std::time::Duration;

use chrono::SubsecRound;

use crate::broker::Broker;
use crate::cache::CacheKey;
use crate::engine::EngineError;
use crate::id::{ClaimToken, LeaseId};
use crate::ledger::{Change, Claimed, Entry, Fence, LedgerError};
use crate::model::{Action, Event, Lease, Principal, State};
use crate::time::Timestamp;

/// Why a lease was not extended.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// It has ended, is ending, or has reached its maximum.
    #[error("the lease is {state}, or cannot be extended any further")]
    NotRenewable {
        /// The state it is in.
        state: &'static str,
    },
    /// The life asked for would go beyond the role's maximum.
    #[error("a ttl of {asked:?} would end after the lease's maximum, {max}", max = .max.to_rfc3339())]
    TtlTooLong {
        /// What was asked.
        asked: Duration,
        /// Up to when it can live.
        max: Timestamp,
    },
    /// The life asked for would end it sooner.
    #[error("a ttl of {asked:?} would end the lease sooner than it ends now")]
    Shortens {
        /// What was asked.
        asked: Duration,
    },
    /// The database could not or would not extend it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger could not record it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Broker {
    /// Extends a lease to `ttl` from now; without one, by as much as it had at first, up to its maximum.
    pub async fn renew(
        &self,
        lease: Lease,
        ttl: Option<Duration>,
        by: &Principal,
        request: &str,
    ) -> Result<Lease, RenewError> {
        let now = self.clock.now();
        let not_renewable = RenewError::NotRenewable { state: lease.state.name().as_str() };
        let State::Active(times) = lease.state else { return Err(not_renewable) };
        let first_ttl = (times.expires_at - times.issued_at).to_std().unwrap_or_default();
        let until = match ttl {
            None => (now + first_ttl).min(times.max_expires_at),
            Some(asked) if now + asked > times.max_expires_at => {
                return Err(RenewError::TtlTooLong { asked, max: times.max_expires_at });
            }
            Some(asked) if now + asked < times.expires_at => return Err(RenewError::Shortens { asked }),
            Some(asked) => now + asked,
        };
        if until <= times.expires_at || times.expires_at <= now {
            return Err(not_renewable);
        }
        // The claim keeps the reaper, and other renewals, away until the world and the record agree.
        let claim = self.claim_for(lease.id, lease.database.clone()).await?.ok_or(not_renewable)?;
        let error = match self.renew_claimed(&claim, until, by, request).await {
            Ok(renewed) => return Ok(renewed),
            Err(error) => error,
        };
        self.ledger.release(lease.id, claim.token).await?;
        // A revocation heeds no claim: it may have taken the user from under us, which the database then refuses.
        match self.ledger.lease(lease.id).await? {
            Some(Lease { state: State::Active(_), .. }) | None => Err(error),
            Some(ending) => Err(RenewError::NotRenewable { state: ending.state.name().as_str() }),
        }
    }

    async fn renew_claimed(
        &self,
        claim: &Claimed,
        until: Timestamp,
        by: &Principal,
        request: &str,
    ) -> Result<Lease, RenewError> {
        let (now, lease) = (self.clock.now(), &claim.lease);
        let life = (until - now).to_std().unwrap_or_default();
        let Ok(to) = lease.clone().renew(until, (now + life.div_f64(2.0)).trunc_subsecs(6)) else {
            return Err(RenewError::NotRenewable { state: lease.state.name().as_str() });
        };
        let site = self.site(&lease.database)?;
        site.call(site.engine.renew(&lease.handle, life)).await?;
        let event = Event::new(now, Action::LeaseRenewed)
            .by(by)
            .about(&to)
            .in_request(request)
            .with("expires_at", until.to_rfc3339());
        let change = Change::Move { to: Box::new(to.clone()), fence: Fence::Claim(claim.token) };
        match self.ledger.write(Entry::change(change, [event])).await? {
            Ok(()) => {
                if let Ok(key) = claim.cache_key.parse() {
                    self.recache(&key, &to).await;
                }
                Ok(to)
            }
            Err(_) => Err(RenewError::NotRenewable { state: "ending" }),
        }
    }

    /// Claims one lease for a moment's work.
    pub(super) async fn claim_for(
        &self,
        id: LeaseId,
        database: crate::model::DatabaseName,
    ) -> Result<Option<Claimed>, LedgerError> {
        let now = self.clock.now();
        let timeout = self.site(&database).map_or(Duration::ZERO, |site| site.timeout());
        let token = ClaimToken::new(now, &*self.entropy);
        self.ledger.claim(id, token, now, timeout * 2 + Duration::from_secs(30)).await
    }

    /// Lets those who share the lease see its new times.
    async fn recache(&self, key: &CacheKey, lease: &Lease) {
        let (Some(entry), Some(times)) = (self.keep.get(key).await, lease.times()) else { return };
        if entry.lease == lease.id {
            let entry = crate::cache::Entry::new(entry.lease, entry.credential.clone(), *times);
            self.keep.put(key, &std::sync::Arc::new(entry)).await;
        }
    }
}
