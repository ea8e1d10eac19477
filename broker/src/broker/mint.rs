//! Making a credential: intent, world, record.

use std::sync::Arc;
use std::time::Duration;

use chrono::SubsecRound;

use crate::broker::flight::Flight;
use crate::broker::keep::Turn;
use crate::broker::{Broker, failpoint, name};
use crate::cache::{self, CacheKey};
use crate::config::{CredentialSpec, Role};
use crate::engine::{EngineError, Made, New, Sessions, Site};
use crate::entropy::{password, unit};
use crate::id::LeaseId;
use crate::ledger::{Change, Entry, Fence, LedgerError, NewLease, Refused};
use crate::model::{
    Action, CredentialKind, DatabaseName, Event, Handle, Lease, LeaseState, Principal, RoleName, Share,
    State, Times,
};
use crate::policy::{Permit, broker_itself};
use crate::secret::Secret;
use crate::time::Timestamp;

/// What is to be made, and for whom: all of it owned, so that it is finished even if the caller goes away.
pub(super) struct Mint {
    role_name: RoleName,
    pub(super) role: Role,
    pub(super) database: DatabaseName,
    principal: Principal,
    max_leases: Option<u32>,
    pub(super) key: CacheKey,
    pub(super) ttl: Duration,
    shared: bool,
    request: String,
    /// Whether a password is rotated although it is not time.
    pub(super) force: bool,
    /// What keeps others from minting the same, until this mint is over.
    held: Option<(Flight, Turn)>,
}

/// Why a credential could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The workload has as many as it may have.
    #[error("the workload has as many leases for this role as its bindings allow")]
    Quota,
    /// The database could not or would not make it.
    #[error("database {database}: {source}")]
    Engine {
        /// The database.
        database: DatabaseName,
        /// What went wrong there.
        source: EngineError,
    },
    /// The intent or the result could not be recorded.
    #[error("the ledger could not record the lease: {0}")]
    Ledger(#[from] LedgerError),
    /// An incident revoked it, or it took so long that the reaper undid it.
    #[error("the lease was undone before its credential was ready")]
    Superseded,
    /// The process is going down.
    #[error("the broker is stopping")]
    Stopping,
}

impl MintError {
    /// Whether whoever asks for the same now would fail in the same way. What was revoked while it was being made
    /// says nothing about the next one.
    fn stands(&self) -> bool {
        !matches!(self, Self::Superseded)
    }
}

impl Mint {
    pub(super) fn new(
        permit: &Permit,
        ask: &super::Ask,
        key: &CacheKey,
        ttl: Duration,
        shared: bool,
    ) -> Self {
        Self {
            role_name: permit.name().clone(),
            role: permit.role().clone(),
            database: permit.database_name().clone(),
            principal: permit.workload().principal.clone(),
            max_leases: permit.max_leases(),
            key: *key,
            ttl,
            shared,
            request: ask.request.clone(),
            force: false,
            held: None,
        }
    }

    /// … although it is not time.
    pub(super) fn now(self) -> Self {
        Self { force: true, ..self }
    }

    /// … while nobody else does, in this process and among the replicas.
    pub(super) fn holding(mut self, flight: Flight, turn: Turn) -> Self {
        self.held = Some((flight, turn));
        self
    }
}

impl Mint {
    /// The lease that it is to become.
    pub(super) fn pending(&self, site: &Site, id: LeaseId, handle: Handle, now: Timestamp) -> Lease {
        Lease {
            id,
            role: self.role_name.clone(),
            database: self.database.clone(),
            engine: site.engine.kind,
            principal: match handle.kind {
                // Whoever comes first must not be the one who may revoke what all others have.
                CredentialKind::RotatedPassword => broker_itself().principal,
                CredentialKind::DynamicUser | CredentialKind::ConnectToken => self.principal.clone(),
            },
            share: if self.shared { self.role.share() } else { Share::Request },
            // Only the sessions of a user that goes are ended, and waited for.
            drain: match handle.kind {
                CredentialKind::DynamicUser => self.role.drain.0,
                CredentialKind::ConnectToken | CredentialKind::RotatedPassword => Duration::ZERO,
            },
            handle,
            created_at: now,
            // Twice what the engine may take, and time for the ledger.
            state: State::Pending { deadline: now + site.timeout() * 2 + Duration::from_secs(30) },
        }
    }
}

impl Broker {
    /// Makes a credential. It is finished, cached and on record even if the caller stops waiting.
    pub(super) async fn mint(self: &Arc<Self>, mint: Mint) -> Result<Arc<cache::Entry>, Arc<MintError>> {
        let broker = self.clone();
        let task = self.tasks.spawn(async move {
            let minted = broker.mint_now(&mint).await.map_err(Arc::new);
            if let (Err(error), Some(_)) = (&minted, &mint.held)
                && error.stands()
                // That it is too soon to rotate says nothing to those who only want the password.
                && !mint.force
            {
                broker.flights.fail(&mint.key, error);
            }
            minted
        });
        task.await.unwrap_or_else(|_| Err(Arc::new(MintError::Stopping)))
    }

    async fn mint_now(&self, mint: &Mint) -> Result<Arc<cache::Entry>, MintError> {
        failpoint::pass("mint.start");
        let engine = |source| MintError::Engine { database: mint.database.clone(), source };
        let site = self.site(&mint.database).map_err(engine)?;
        let spec = &mint.role.credential;
        if let CredentialSpec::RotatedPassword(pair) = spec {
            return self.rotated(mint, &site, pair).await;
        }
        let now = self.clock.now();
        let id = LeaseId::new(now, &*self.entropy);
        let name = name::username(self.tag().await?, &mint.role_name, id);
        let handle = site.engine.handle(spec, &name).map_err(engine)?;
        let mut lease = mint.pending(&site, id, handle, now);
        self.open(mint, lease.clone()).await?;
        failpoint::pass("mint.pending");

        let password = password(&*self.entropy);
        let made = self.make(mint, &site, &lease, &password).await?;
        let Made { credential, id: provider_id, lifetime } = made;
        failpoint::pass("mint.created");

        lease.handle.id = provider_id;
        let times = self.times(now, mint, lifetime);
        let handle = lease.handle.clone();
        let activated = self.activate(mint, lease, &credential.username, times).await;
        if let Err(MintError::Superseded) = activated {
            // The reaper came before the user was there; it does not come again. The sweep is behind this.
            site.call(site.engine.remove(&handle, Sessions::End)).await.map_err(engine)?;
        }
        activated?;
        failpoint::pass("mint.active");
        let entry = Arc::new(cache::Entry::new(id, credential, times));
        if mint.shared {
            self.keep.put(&mint.key, &entry).await;
            failpoint::pass("mint.cached");
        }
        self.due.notify_waiters();
        Ok(entry)
    }

    pub(super) async fn open(&self, mint: &Mint, lease: Lease) -> Result<(), MintError> {
        let rotated = lease.handle.kind == CredentialKind::RotatedPassword;
        // The one password of a role is nobody's own.
        let max_leases = mint.max_leases.filter(|_| !rotated);
        let new = NewLease { lease, cache_key: mint.key.to_string(), max_leases };
        match self.ledger.write(Entry::change(Change::Open(Box::new(new)), [])).await? {
            Ok(()) => Ok(()),
            Err(_) if rotated => Err(MintError::Superseded),
            Err(_) => Err(MintError::Quota),
        }
    }

    /// Has the engine make what this lease is for.
    pub(super) async fn make(
        &self,
        mint: &Mint,
        site: &Site,
        lease: &Lease,
        password: &Secret,
    ) -> Result<Made, MintError> {
        let started = tokio::time::Instant::now();
        let Role { credential: spec, parameters, .. } = &mint.role;
        let new = New { spec, name: &lease.handle.username, password, parameters, ttl: mint.ttl };
        let made = site.call(site.engine.make(&new)).await;
        self.metrics.mint(&mint.database, started.elapsed(), made.is_ok());
        match made {
            Ok(made) => Ok(made),
            Err(source) => {
                // What did not answer may still be done: that is undone at the deadline, when it must be over.
                if !matches!(source, EngineError::Unavailable { .. }) {
                    self.condemn(lease).await;
                }
                Err(MintError::Engine { database: mint.database.clone(), source })
            }
        }
    }

    pub(super) async fn activate(
        &self,
        mint: &Mint,
        lease: Lease,
        username: &str,
        times: Times,
    ) -> Result<(), MintError> {
        let event = Event::new(times.issued_at, Action::LeaseIssued)
            .by(&mint.principal)
            .about(&lease)
            .in_request(&mint.request)
            .with("username", username)
            .with("expires_at", times.expires_at.to_rfc3339());
        let active = lease.activate(times).map_err(|_| MintError::Superseded)?;
        let change = Change::Move { to: Box::new(active), fence: Fence::Unclaimed(LeaseState::Pending) };
        match self.ledger.write(Entry::change(change, [event])).await? {
            Ok(()) => Ok(()),
            Err(Refused::Quota | Refused::Superseded) => Err(MintError::Superseded),
        }
    }

    /// Has the reaper undo a lease now, rather than at its deadline.
    async fn condemn(&self, lease: &Lease) {
        if let Err(error) = self.ledger.condemn(lease.id, self.clock.now()).await {
            tracing::warn!(lease.id = %lease.id, %error, "a failed lease is undone at its deadline only");
        }
        self.due.notify_waiters();
    }

    /// Half of the life is for the holder, half for its successor; the jitter keeps holders from coming all at once.
    ///
    /// What the provider ends by itself after `lifetime` lives no longer than that, and cannot be renewed.
    fn times(&self, issued_at: Timestamp, mint: &Mint, lifetime: Option<Duration>) -> Times {
        let share = 0.5 - 0.1 * unit(&*self.entropy);
        let [ttl, max_ttl] = [mint.ttl, mint.role.max_ttl()].map(|ttl| ttl.min(lifetime.unwrap_or(ttl)));
        // To the microsecond, as the ledger keeps it.
        let after = |span: Duration| (issued_at + span).trunc_subsecs(6);
        Times {
            issued_at,
            refresh_after: after(ttl.mul_f64(share)),
            expires_at: after(ttl),
            max_expires_at: after(if lifetime.is_some() { ttl } else { max_ttl }),
        }
    }
}
