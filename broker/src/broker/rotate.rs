//! Rotated passwords: two users, one in use, one resting.
//!
//! A rotation gives the resting user a new password and hands that out from then on. The other one's stays good for a
//! `ttl`, as all who have it were promised; then nobody knows its password any more, and it rests. So there is one
//! lease for each rotation: *active* while its password is handed out, *draining* while it is only good.
//!
//! The new password is kept, sealed, before the database is told. Whichever step a crash hits, the password in use is
//! not touched, and what was begun is undone like every mint.

use std::sync::Arc;
use std::time::Duration;

use crate::broker::end::{BETWEEN_LOOKS, LOOKS};
use crate::broker::keep::Turn;
use crate::broker::mint::{Mint, MintError};
use crate::broker::{Ask, Broker, IssueError, failpoint};
use crate::cache;
use crate::config::{Adopt, RotatedPassword};
use crate::engine::{EngineError, Sessions, Site};
use crate::entropy::password;
use crate::id::LeaseId;
use crate::ledger::{Change, Entry, Fence};
use crate::model::{
    Action, Credential, CredentialKind, DatabaseName, Event, Handle, Lease, LeaseState, Reason, State, Times,
};
use crate::policy::Permit;
use crate::time::Timestamp;

/// When a password is rotated that only an operator rotates: so far ahead that it does not matter.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl Broker {
    /// Sees to it that the password of this role is rotated if it is time, and that the ledger and the cache say the
    /// same about it.
    pub async fn keep_rotating(self: &Arc<Self>, permit: &Permit) -> Result<(), IssueError> {
        let ask = Ask::default();
        let key = self.key(permit, &ask, true)?;
        let flight = self.flights.enter(&key).await;
        // A replica that died at it holds its lock for a moment longer.
        let mut turn = self.keep.turn(&key).await;
        for _ in 0..LOOKS {
            if let Turn::Ours(_) = turn {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
            turn = self.keep.turn(&key).await;
        }
        if let Turn::Theirs = turn {
            return Ok(());
        }
        let mint = Mint::new(permit, &ask, &key, permit.role().ttl.0, true).holding(flight, turn);
        self.mint(mint).await?;
        Ok(())
    }

    /// Rotates the password of this role now. The one before stays good for a `ttl`.
    pub async fn rotate(self: &Arc<Self>, permit: &Permit, request: &str) -> Result<LeaseId, IssueError> {
        let ask = Ask { request: request.to_owned(), ..Ask::default() };
        let key = self.key(permit, &ask, true)?;
        let flight = self.flights.enter(&key).await;
        let turn = self.keep.turn(&key).await;
        let mint = Mint::new(permit, &ask, &key, permit.role().ttl.0, true).now().holding(flight, turn);
        Ok(self.mint(mint).await?.lease)
    }

    /// The times that one who gets the password now can count on, whenever the next rotation is.
    pub(super) fn promised(&self, permit: &Permit, times: Times) -> Times {
        let (now, ttl) = (self.clock.now(), permit.role().ttl.0);
        let expires_at = times.expires_at.min(now + ttl);
        let refresh_after = times.refresh_after.min(now + ttl / 2);
        Times { refresh_after, expires_at, max_expires_at: expires_at, ..times }
    }

    /// The password in use; it is rotated first if it is time.
    pub(super) async fn rotated(
        &self,
        mint: &Mint,
        site: &Site,
        pair: &RotatedPassword,
    ) -> Result<Arc<cache::Entry>, MintError> {
        let mut live = Vec::new();
        for lease in self.ledger.rotated(&mint.database, &pair.users).await? {
            // What a crash cut short is undone first: it is no rotation that there was.
            let is_dead = matches!(lease.state, State::Pending { deadline } if deadline <= self.clock.now());
            if !is_dead || self.end_now(lease.clone()).await?.due_at().is_some() {
                live.push(lease);
            }
        }
        let mut active = live.iter().filter(|lease| matches!(lease.state, State::Active(_)));
        let current = active.next();
        // A crash came between a rotation and the end of what it replaced.
        for older in active {
            self.supersede(older, mint.ttl).await?;
        }
        let is_due =
            |lease: &Lease| lease.times().is_none_or(|times| times.refresh_after <= self.clock.now());
        if let Some(lease) = current
            && !mint.force
            && !is_due(lease)
            && let Some(entry) = self.in_use(mint, lease).await?
        {
            return Ok(entry);
        }
        let username = match self.resting(mint, pair, &live).await {
            Ok(username) => username,
            // Somebody else is rotating it, or has just done so: what is in use goes on until then.
            Err(busy) => {
                let entry = match current.filter(|_| !mint.force) {
                    Some(lease) => self.in_use(mint, lease).await?,
                    None => None,
                };
                return entry.ok_or(busy);
            }
        };
        let entry = self.rotate_to(mint, site, pair, username, live.is_empty()).await?;
        if let Some(lease) = current {
            self.supersede(lease, mint.ttl).await?;
        }
        Ok(entry)
    }

    /// The password of an active lease, from now on in the cache.
    async fn in_use(&self, mint: &Mint, lease: &Lease) -> Result<Option<Arc<cache::Entry>>, MintError> {
        let (username, Some(times)) = (&lease.handle.username, lease.times()) else { return Ok(None) };
        let Some(credential) = self.kept(&mint.database, username).await? else { return Ok(None) };
        let entry = Arc::new(cache::Entry::new(lease.id, credential, *times));
        self.keep.put(&mint.key, &entry).await;
        Ok(Some(entry))
    }

    /// The user whose password nobody counts on any more.
    async fn resting<'a>(
        &self,
        mint: &Mint,
        pair: &'a RotatedPassword,
        live: &[Lease],
    ) -> Result<&'a str, MintError> {
        let now = self.clock.now();
        let mut soonest: Option<Timestamp> = None;
        for username in &pair.users {
            let Some(lease) = live.iter().find(|lease| lease.handle.username == *username) else {
                return Ok(username);
            };
            match &lease.state {
                State::Draining { until, .. } if *until <= now => {
                    if self.end_now(lease.clone()).await?.due_at().is_none() {
                        return Ok(username);
                    }
                    soonest = Some(now);
                }
                State::Draining { until, .. } | State::Pending { deadline: until } => {
                    soonest = Some(soonest.map_or(*until, |soonest| soonest.min(*until)));
                }
                _ => {}
            }
        }
        let until = soonest.unwrap_or(now);
        Err(MintError::Engine {
            database: mint.database.clone(),
            source: EngineError::Busy {
                detail: format!(
                    "neither of {} and {} rests: the last password was promised until {}",
                    pair.users[0],
                    pair.users[1],
                    until.to_rfc3339()
                ),
                retry_after: (until - now).to_std().unwrap_or_default().max(Duration::from_secs(1)),
            },
        })
    }

    async fn rotate_to(
        &self,
        mint: &Mint,
        site: &Site,
        pair: &RotatedPassword,
        username: &str,
        is_first: bool,
    ) -> Result<Arc<cache::Entry>, MintError> {
        let engine = |source| MintError::Engine { database: mint.database.clone(), source };
        let (username, adopted) = match &pair.adopt {
            Some(adopt) if is_first => match self.adopted(mint, site, adopt).await? {
                Some(credential) => (adopt.username.as_str(), Some(credential)),
                None => (username, None),
            },
            _ => (username, None),
        };
        let now = self.clock.now();
        let id = LeaseId::new(now, &*self.entropy);
        let handle = Handle { kind: CredentialKind::RotatedPassword, ..Handle::of(username) };
        let lease = mint.pending(site, id, handle, now);
        self.open(mint, lease.clone()).await?;
        failpoint::pass("mint.pending");

        let (credential, pending) = match adopted {
            Some(credential) => (credential, None),
            None => {
                let password = password(&*self.entropy);
                let pending = self.sealed(&mint.database, username, &password);
                self.ledger.keep_pending(&mint.database, username, &pending, now).await?;
                (self.make(mint, site, &lease, &password).await?.credential, Some(pending))
            }
        };
        failpoint::pass("mint.created");

        let sealed = self.sealed_credential(&mint.database, username, &credential);
        self.ledger.keep_made(&mint.database, username, &sealed, now).await?;
        failpoint::pass("pair.kept");
        let next = pair.next(now, mint.ttl).unwrap_or(now + NEVER);
        let expires_at = next + mint.ttl;
        let times = Times { issued_at: now, refresh_after: next, expires_at, max_expires_at: expires_at };
        let handle = lease.handle.clone();
        let activated = self.activate(mint, lease, &credential.username, times).await;
        if let (Err(MintError::Superseded), Some(_)) = (&activated, &pending)
            && self.ledger.rotated(&mint.database, &[username.to_owned()]).await?.is_empty()
        {
            // It was ended before its password was there, and nobody has set another one since.
            site.call(site.engine.remove(&handle, Sessions::End)).await.map_err(engine)?;
        }
        activated?;
        failpoint::pass("mint.active");
        if let Some(pending) = pending {
            self.ledger.drop_pending(&mint.database, username, &pending).await?;
        }
        let entry = Arc::new(cache::Entry::new(id, credential, times));
        self.keep.put(&mint.key, &entry).await;
        failpoint::pass("mint.cached");
        self.due.notify_waiters();
        Ok(entry)
    }

    /// The password that is to be used until the first rotation, if there was none yet.
    async fn adopted(
        &self,
        mint: &Mint,
        site: &Site,
        adopt: &Adopt,
    ) -> Result<Option<Credential>, MintError> {
        let engine = |source| MintError::Engine { database: mint.database.clone(), source };
        let refused = |detail: String| engine(EngineError::Refused { detail });
        let password = adopt.password.read().map_err(|error| refused(error.to_string()))?;
        // Another one was set since; the same one is kept if a crash came between.
        let kept = self.kept(&mint.database, &adopt.username).await?;
        if kept.is_some_and(|kept| kept.password != password) {
            return Ok(None);
        }
        match site.call(site.engine.verify(&adopt.username, &password)).await.map_err(engine)? {
            Some(credential) => Ok(Some(credential)),
            None => Err(refused(format!(
                "the password given in `adopt` is not the one of {:?}: correct it, or leave `adopt` out and the \
                 password is rotated",
                adopt.username
            ))),
        }
    }

    /// Whether there is nothing of a rotation to undo, as the database was told of no new password. Then the one in force
    /// is left alone: it may be one that was to be adopted.
    pub(super) async fn leaves_nothing(&self, lease: &Lease) -> Result<bool, EngineError> {
        if lease.handle.kind != CredentialKind::RotatedPassword
            || !matches!(lease.state, State::Pending { .. })
        {
            return Ok(false);
        }
        let kept = self.ledger.passwords(&lease.database, std::slice::from_ref(&lease.handle.username)).await;
        let kept = kept.map_err(|error| EngineError::Unavailable { detail: error.to_string() })?;
        Ok(kept.iter().all(|kept| kept.pending.is_none()))
    }

    /// From now on its password is only good: for a `ttl`, as it was promised to those who have it.
    async fn supersede(&self, lease: &Lease, ttl: Duration) -> Result<(), MintError> {
        let now = self.clock.now();
        let Ok(to) = Lease { drain: ttl, ..lease.clone() }.drain(now, Reason::Rotated) else {
            return Ok(());
        };
        let event = Event::new(now, Action::LeaseEnding).about(&to).with("reason", Reason::Rotated.as_str());
        let change = Change::Move { to: Box::new(to), fence: Fence::State(LeaseState::Active) };
        // Superseded: somebody has ended it already.
        let _ = self.ledger.write(Entry::change(change, [event])).await?;
        self.keep.evict(lease.id).await;
        Ok(())
    }

    /// The credential in force of a user, if it is kept and can be opened.
    async fn kept(&self, database: &DatabaseName, username: &str) -> Result<Option<Credential>, MintError> {
        let kept = self.ledger.passwords(database, &[username.to_owned()]).await?;
        let Some(sealed) = kept.into_iter().next().and_then(|kept| kept.secret) else { return Ok(None) };
        Ok(self.opened_credential(database, username, sealed))
    }
}
