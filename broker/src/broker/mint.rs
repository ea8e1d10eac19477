//! Making a credential: intent, world, record.

use std::sync::Arc;
use std::time::Duration;

use chrono::SubsecRound;

use crate::broker::flight::Flight;
use crate::broker::keep::Turn;
use crate::broker::{Broker, failpoint, name};
use crate::cache::{self, CacheKey};
use crate::config::{CredentialSpec, Role};
use crate::engine::{EngineError, NewUser, Site};
use crate::entropy::{password, unit};
use crate::id::LeaseId;
use crate::ledger::{Change, Entry, Fence, LedgerError, NewLease, Refused};
use crate::model::{
    Action, Credential, DatabaseName, Event, Lease, LeaseState, Principal, RoleName, Share, State, Times,
};
use crate::policy::Permit;
use crate::time::Timestamp;

/// What is to be made, and for whom: all of it owned, so that it is finished even if the caller goes away.
pub(super) struct Mint {
    role_name: RoleName,
    role: Role,
    database: DatabaseName,
    principal: Principal,
    max_leases: Option<u32>,
    key: CacheKey,
    ttl: Duration,
    shared: bool,
    request: String,
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
            held: None,
        }
    }

    /// … while nobody else does, in this process and among the replicas.
    pub(super) fn holding(mut self, flight: Flight, turn: Turn) -> Self {
        self.held = Some((flight, turn));
        self
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
            {
                broker.flights.fail(&mint.key, error);
            }
            minted
        });
        task.await.unwrap_or_else(|_| Err(Arc::new(MintError::Stopping)))
    }

    async fn mint_now(&self, mint: &Mint) -> Result<Arc<cache::Entry>, MintError> {
        let started = tokio::time::Instant::now();
        failpoint::pass("mint.start");
        let engine = |source| MintError::Engine { database: mint.database.clone(), source };
        let site = self.site(&mint.database).map_err(engine)?;
        let CredentialSpec::DynamicUser(spec) = &mint.role.credential else {
            return Err(engine(EngineError::Refused {
                detail: "it cannot make this kind of credential".into(),
            }));
        };
        let users = site.dynamic_users().map_err(engine)?;
        let now = self.clock.now();
        let id = LeaseId::new(now, &*self.entropy);
        let username = name::username(self.tag().await?, &mint.role_name, id);
        let lease = pending(mint, &site, id, users.handle(&username, spec), now);
        self.open(mint, lease.clone()).await?;
        failpoint::pass("mint.pending");

        let credential = Credential { username, password: password(&*self.entropy) };
        let new = NewUser { credential: &credential, spec, parameters: &mint.role.parameters, ttl: mint.ttl };
        let created = site.call(users.create(&new)).await;
        self.metrics.mint(&mint.database, started.elapsed(), created.is_ok());
        if let Err(error) = created {
            // What did not answer may still be done: that is undone at the deadline, when it must be over.
            if let EngineError::Refused { .. } = error {
                self.condemn(&lease).await;
            }
            return Err(engine(error));
        }
        failpoint::pass("mint.created");

        let times = self.times(now, mint);
        let handle = lease.handle.clone();
        let activated = self.activate(mint, lease, times).await;
        if let Err(MintError::Superseded) = activated {
            // The reaper came before the user was there; it does not come again. The sweep is behind this.
            site.call(users.remove(&handle)).await.map_err(engine)?;
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

    async fn open(&self, mint: &Mint, lease: Lease) -> Result<(), MintError> {
        let new = NewLease { lease, cache_key: mint.key.to_string(), max_leases: mint.max_leases };
        match self.ledger.write(Entry::change(Change::Open(Box::new(new)), [])).await? {
            Ok(()) => Ok(()),
            Err(Refused::Quota | Refused::Superseded) => Err(MintError::Quota),
        }
    }

    async fn activate(&self, mint: &Mint, lease: Lease, times: Times) -> Result<(), MintError> {
        let event = Event::new(times.issued_at, Action::LeaseIssued)
            .by(&mint.principal)
            .about(&lease)
            .in_request(&mint.request)
            .with("username", lease.handle.username.as_str())
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
    fn times(&self, issued_at: Timestamp, mint: &Mint) -> Times {
        let share = 0.5 - 0.1 * unit(&*self.entropy);
        Times {
            issued_at,
            // To the microsecond, as the ledger keeps it.
            refresh_after: (issued_at + mint.ttl.mul_f64(share)).trunc_subsecs(6),
            expires_at: issued_at + mint.ttl,
            max_expires_at: issued_at + mint.role.max_ttl(),
        }
    }
}

fn pending(mint: &Mint, site: &Site, id: LeaseId, handle: crate::model::Handle, now: Timestamp) -> Lease {
    Lease {
        id,
        role: mint.role_name.clone(),
        database: mint.database.clone(),
        engine: site.engine.kind,
        principal: mint.principal.clone(),
        share: if mint.shared { mint.role.share } else { Share::Request },
        handle,
        drain: mint.role.drain.0,
        created_at: now,
        // Twice what the engine may take, and time for the ledger.
        state: State::Pending { deadline: now + site.timeout() * 2 + Duration::from_secs(30) },
    }
}
