//! The published keys of an issuer (RFC 7517), at hand.
//!
//! Keys are fetched when the first token comes, again in the background when they are older than
//! `refresh_every`, and again when a token names a key that is not among them, but not within `cool_down` of
//! the fetch before. One fetch runs at a time. A token of a known key never waits for one; when the source is
//! down, the keys that are known go on being used.

pub(super) mod key;
mod source;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use crate::identity::date::after;
use crate::identity::jwks::key::KeySet;
use crate::identity::jwks::source::Source;
use crate::identity::jwt::Settings;
use crate::identity::{IdentityError, KeySourceError, Refusal};
use crate::model::IssuerName;
use crate::time::{Clock, Timestamp};

/// How soon a failed first fetch is tried again: nobody can be let in until it succeeds.
const COLD_PAUSE: Duration = Duration::from_secs(1);

/// The keys of one issuer.
pub(super) struct Jwks {
    issuer: IssuerName,
    source: Source,
    refresh_every: Duration,
    cool_down: Duration,
    clock: Arc<dyn Clock>,
    known: ArcSwapOption<Known>,
    /// When the last fetch ended, well or not. Locked while one runs.
    last_fetch: Arc<Mutex<Option<Timestamp>>>,
}

struct Known {
    keys: KeySet,
    since: Timestamp,
}

/// A key that fits.
pub(super) struct FreshKey {
    pub(super) key: Arc<DecodingKey>,
    /// After that, it may have been withdrawn.
    pub(super) fresh_until: Timestamp,
}

impl Jwks {
    /// Fetches nothing yet, but reads a file, so that a mistake in it is found now.
    pub(super) fn new(
        name: &IssuerName,
        settings: &Settings<'_>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let source = Source::new(name, settings)?;
        let keys =
            source.read_now().map_err(|source| IdentityError::Keys { issuer: name.clone(), source })?;
        let since = clock.now();
        Ok(Self {
            issuer: name.clone(),
            source,
            refresh_every: settings.refresh_every,
            cool_down: settings.cool_down,
            last_fetch: Arc::new(Mutex::new(keys.is_some().then_some(since))),
            known: ArcSwapOption::from_pointee(keys.map(|keys| Known { keys, since })),
            clock,
        })
    }

    /// The key for a token that names `kid` and is signed with `algorithm`.
    pub(super) async fn key(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<FreshKey, Refusal> {
        let found = self.find(kid, algorithm);
        if matches!(found, Err(Refusal::UnknownKey { .. } | Refusal::KeySourceDown)) {
            self.refresh().await;
            return self.find(kid, algorithm);
        }
        if let Ok(key) = &found
            && key.fresh_until <= self.clock.now()
        {
            self.refresh_in_background();
        }
        found
    }

    /// Fetches the keys now, and says how many there are that can be used.
    pub(super) async fn load(&self) -> Result<usize, KeySourceError> {
        let mut last_fetch = self.last_fetch.lock().await;
        self.fetch(&mut last_fetch).await
    }

    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<FreshKey, Refusal> {
        let known = self.known.load();
        let known = known.as_ref().ok_or(Refusal::KeySourceDown)?;
        let key = Arc::clone(known.keys.find(kid, algorithm)?);
        Ok(FreshKey { key, fresh_until: after(known.since, self.refresh_every) })
    }

    /// Fetches and waits for the end of it; if someone else is fetching, waits for that instead.
    async fn refresh(self: &Arc<Self>) {
        if self.last_fetch.try_lock().is_ok_and(|last_fetch| !self.may_fetch(*last_fetch)) {
            return;
        }
        let this = Arc::clone(self);
        // A task of its own, because callers may hang up: those who wait for the same keys must get them.
        let fetch = tokio::spawn(async move {
            let mut last_fetch = this.last_fetch.lock().await;
            if this.may_fetch(*last_fetch) {
                this.fetch_or_warn(&mut last_fetch).await;
            }
        });
        if let Err(error) = fetch.await {
            tracing::error!(issuer = %self.issuer, %error, "the fetch of an issuer's keys broke off");
        }
    }

    fn refresh_in_background(self: &Arc<Self>) {
        let Ok(mut last_fetch) = Arc::clone(&self.last_fetch).try_lock_owned() else { return };
        if self.may_fetch(*last_fetch) {
            let this = Arc::clone(self);
            tokio::spawn(async move { this.fetch_or_warn(&mut last_fetch).await });
        }
    }

    fn may_fetch(&self, last_fetch: Option<Timestamp>) -> bool {
        let pause = if self.known.load().is_some() { self.cool_down } else { COLD_PAUSE.min(self.cool_down) };
        last_fetch.is_none_or(|at| after(at, pause) <= self.clock.now())
    }

    async fn fetch_or_warn(&self, last_fetch: &mut Option<Timestamp>) {
        if let Err(error) = self.fetch(last_fetch).await {
            let known = self.known.load().is_some();
            tracing::warn!(issuer = %self.issuer, error = &error as &dyn Error, old_keys_in_use = known, "an issuer's keys cannot be fetched");
        }
    }

    async fn fetch(&self, last_fetch: &mut Option<Timestamp>) -> Result<usize, KeySourceError> {
        let since = self.clock.now();
        let loaded = self.source.load().await;
        *last_fetch = Some(self.clock.now());
        let keys = loaded?;
        let usable = keys.usable();
        for (kid, why) in keys.unusable() {
            tracing::debug!(issuer = %self.issuer, kid, why, "a published key is not used");
        }
        self.known.store(Some(Arc::new(Known { keys, since })));
        Ok(usable)
    }
}
