//! The main job: a permit goes in, a credential whose delivery is on record comes out.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::broker::keep::Turn;
use crate::broker::mint::{Mint, MintError};
use crate::broker::{Broker, failpoint};
use crate::cache::{self, CacheKey};
use crate::id::LeaseId;
use crate::ledger::{Entry, LedgerError, Refused};
use crate::model::{Action, CredentialKind, Event, Share, Times};
use crate::policy::Permit;

/// The shortest life of a lease.
pub const MIN_TTL: Duration = Duration::from_secs(10);

/// How long a caller waits for a successor while the present credential is still good.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is asked for, within a permit.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// A life other than the role's.
    pub ttl: Option<Duration>,
    /// A credential that nobody else holds.
    pub fresh: bool,
    /// The instance of the workload, as the caller says; used only where the proof of identity does not say it.
    pub instance: Option<String>,
    /// The identifier of the request, for the record.
    pub request: String,
    /// The endpoint and format that it will be rendered for, for the record.
    pub purpose: String,
}

/// A credential whose delivery is on record.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The lease, its credential and its times.
    pub entry: Arc<cache::Entry>,
    /// Whether others hold it too.
    pub shared: bool,
    /// The times that its holder can count on.
    pub times: Times,
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The life asked for is longer than the role allows.
    #[error("a ttl of {asked:?} is above the role's maximum of {max:?}")]
    TtlTooLong {
        /// What was asked.
        asked: Duration,
        /// What the role allows.
        max: Duration,
    },
    /// The life asked for is too short to be of use.
    #[error("a ttl of {asked:?} is below the minimum of {MIN_TTL:?}")]
    TtlTooShort {
        /// What was asked.
        asked: Duration,
    },
    /// The role is shared per instance, and which instance calls is not known.
    #[error("the role is shared per instance, and neither the token nor the Dsn-Instance header names one")]
    InstanceUnknown,
    /// There is one password, and it is the same for everyone.
    #[error("the role has one password, the same for all who use it: it can be had as it is")]
    OnlyOne,
    /// The credential could not be made.
    #[error(transparent)]
    Mint(#[from] Arc<MintError>),
    /// Its delivery could not be recorded.
    #[error("the delivery could not be recorded")]
    Record(#[source] LedgerError),
    /// Another replica is making it, and did not finish in time.
    #[error("another replica is making this credential and has not finished")]
    Busy,
    /// It was revoked again and again between being found and being recorded.
    #[error("the credential was revoked while it was being delivered")]
    Revoked,
}

impl Broker {
    /// Issues what the permit allows, and records its delivery.
    pub async fn issue(self: &Arc<Self>, permit: &Permit, ask: &Ask) -> Result<Issued, IssueError> {
        let ttl = self.ttl(permit, ask)?;
        let shared = !ask.fresh && ttl == permit.role().ttl.0 && permit.role().share() != Share::Request;
        if !shared && permit.role().credential.kind() == CredentialKind::RotatedPassword {
            return Err(IssueError::OnlyOne);
        }
        let key = self.key(permit, ask, shared)?;
        // A cached credential may have been revoked a moment ago; the record of its delivery tells. Then once more.
        for _ in 0..2 {
            let entry = match shared {
                true => self.shared(permit, ask, &key).await?,
                false => self.mint(Mint::new(permit, ask, &key, ttl, shared)).await?,
            };
            if self.record_delivery(permit, ask, entry.lease).await? {
                failpoint::pass("delivery.recorded");
                let times = match permit.role().credential.kind() {
                    CredentialKind::RotatedPassword => self.promised(permit, entry.times),
                    CredentialKind::DynamicUser | CredentialKind::ConnectToken => entry.times,
                };
                return Ok(Issued { entry, shared, times });
            }
            self.keep.evict(entry.lease).await;
        }
        Err(IssueError::Revoked)
    }

    fn ttl(&self, permit: &Permit, ask: &Ask) -> Result<Duration, IssueError> {
        let (asked, max) = (ask.ttl.unwrap_or(permit.role().ttl.0), permit.role().max_ttl());
        match asked {
            _ if asked > max => Err(IssueError::TtlTooLong { asked, max }),
            _ if asked < MIN_TTL => Err(IssueError::TtlTooShort { asked }),
            _ => Ok(asked),
        }
    }

    /// The key under which the credential is shared: who shares it, and all of the role that it is made of, so
    /// that a changed role is a new credential.
    pub(super) fn key(&self, permit: &Permit, ask: &Ask, shared: bool) -> Result<CacheKey, IssueError> {
        let principal = &permit.workload().principal;
        let instance = permit.instance().or(ask.instance.as_deref());
        let scope = match permit.role().share() {
            _ if !shared => {
                [uuid::Uuid::from_bytes(crate::entropy::bytes(&*self.entropy)).to_string(), String::new()]
            }
            Share::Role | Share::Request => [String::new(), String::new()],
            Share::Workload => [principal.subject.clone(), String::new()],
            Share::Instance => {
                [principal.subject.clone(), instance.ok_or(IssueError::InstanceUnknown)?.to_owned()]
            }
        };
        let issuer = match permit.role().share() {
            Share::Role => "",
            _ => principal.issuer.as_str(),
        };
        let [subject, instance] = &scope;
        Ok(CacheKey::new(&[permit.name().as_str(), permit.fingerprint(), issuer, subject, instance]))
    }

    /// The shared credential: the cached one while enough of its life is left, else a new one.
    async fn shared(
        self: &Arc<Self>,
        permit: &Permit,
        ask: &Ask,
        key: &CacheKey,
    ) -> Result<Arc<cache::Entry>, IssueError> {
        match self.cached(key).await {
            Some(entry) if self.clock.now() < entry.times.refresh_after => {
                self.metrics.cache_hit(permit.database_name());
                Ok(entry)
            }
            Some(entry) => Ok(self.succeed(permit, ask, key, entry).await),
            None => self.first(permit, ask, key).await,
        }
    }

    /// Past half of its life one caller makes the successor; all others still get the old one, and nobody waits for
    /// long: if the successor is not there soon, it is for those who ask next.
    async fn succeed(
        self: &Arc<Self>,
        permit: &Permit,
        ask: &Ask,
        key: &CacheKey,
        old: Arc<cache::Entry>,
    ) -> Arc<cache::Entry> {
        if self.flights.failure(key).is_some() {
            return old;
        }
        let Some(flight) = self.flights.try_enter(key) else { return old };
        let turn = self.keep.turn(key).await;
        if matches!(turn, Turn::Theirs) {
            return old;
        }
        // The lock may have been another replica's until a moment ago.
        if let Some(entry) = self.keep.look(key).await
            && entry.lease != old.lease
        {
            return entry;
        }
        let mint = Mint::new(permit, ask, key, permit.role().ttl.0, true).holding(flight, turn);
        match tokio::time::timeout(PATIENCE, self.mint(mint)).await {
            Ok(Ok(entry)) => entry,
            Ok(Err(error)) => {
                tracing::warn!(role = %permit.name(), %error, "no successor could be made; the present credential is used on");
                old
            }
            Err(_) => old,
        }
    }

    /// Nothing is cached: one caller mints, in this process and among the replicas; the others wait for it.
    async fn first(
        self: &Arc<Self>,
        permit: &Permit,
        ask: &Ask,
        key: &CacheKey,
    ) -> Result<Arc<cache::Entry>, IssueError> {
        let flight = self.flights.enter(key).await;
        if let Some(error) = self.flights.failure(key) {
            return Err(error.into());
        }
        if let Some(entry) = self.cached(key).await {
            return Ok(entry);
        }
        let deadline = Instant::now() + self.longest_mint(permit);
        let turn = loop {
            if let ours @ Turn::Ours(_) = self.keep.turn(key).await {
                break ours;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(IssueError::Busy);
            }
            // Whoever was at it may have died, or given up: then it is for whoever gets the lock next.
            if let Some(entry) = self.keep.wait(key, left).await {
                return Ok(entry);
            }
        };
        // The lock may have been another replica's until a moment ago.
        if let Some(entry) = self.cached(key).await {
            return Ok(entry);
        }
        let mint = Mint::new(permit, ask, key, permit.role().ttl.0, true).holding(flight, turn);
        Ok(self.mint(mint).await?)
    }

    /// The cached credential, while it may still be handed out.
    async fn cached(&self, key: &CacheKey) -> Option<Arc<cache::Entry>> {
        self.keep.get(key).await.filter(|entry| self.clock.now() < entry.times.expires_at)
    }

    /// Records that the caller gets this lease; `false` if the lease has ended in the meantime.
    async fn record_delivery(&self, permit: &Permit, ask: &Ask, lease: LeaseId) -> Result<bool, IssueError> {
        let mut event = Event::new(self.clock.now(), Action::LeaseDelivered)
            .by(&permit.workload().principal)
            .in_request(&ask.request)
            .with("for", ask.purpose.as_str());
        event.role = Some(permit.name().clone());
        event.database = Some(permit.database_name().clone());
        event.lease = Some(lease);
        match self.ledger.write(Entry::delivery(lease, event)).await {
            Ok(Ok(())) => Ok(true),
            Ok(Err(Refused::Quota | Refused::Superseded)) => Ok(false),
            Err(error) => Err(IssueError::Record(error)),
        }
    }

    /// How long a mint may take that ends well: the intent, the user, the record.
    fn longest_mint(&self, permit: &Permit) -> Duration {
        self.ledger.timeout() * 2 + permit.database().timeout.0
    }
}
