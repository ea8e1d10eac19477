//! Keeps the bundle of a trust domain up to date.
//!
//! A file is looked at again and again; a URL is asked as often as the bundle says. What cannot be had or read changes
//! nothing, and the log says so once: the bundle before it stays in force.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;
use url::Url;

use crate::config::{BundleSource, SpiffeIssuer};
use crate::identity::IdentityError;
use crate::identity::date::after;
use crate::identity::spiffe::bundle::Bundle;
use crate::identity::web::{KeySourceError, MAX_BYTES, Web, safe_url, unreadable};
use crate::model::IssuerName;
use crate::time::{Clock, Timestamp};

/// How often a bundle is fetched that does not say how often (§4.1.3 of the standard).
const USUAL: Duration = Duration::from_secs(300);
/// No bundle makes us ask more often, or less.
const HINTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3600));
/// How soon a failed fetch is tried again; sooner while nothing is known, as nobody can be let in.
const PAUSE: Duration = Duration::from_secs(10);
const COLD_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Keeper {
    issuer: IssuerName,
    source: Source,
    refresh_every: Option<Duration>,
    clock: Arc<dyn Clock>,
    known: ArcSwapOption<Bundle>,
    /// Locked while one looks.
    looked: Mutex<Looked>,
}

enum Source {
    File(PathBuf),
    Url { web: Web, url: Url },
}

#[derive(Default)]
struct Looked {
    /// When a URL is to be asked again.
    due: Option<Timestamp>,
    /// What the log has said already.
    complaint: Option<String>,
}

impl Keeper {
    /// Reads a file, so that a mistake in it is found now; fetches nothing yet.
    pub(super) fn new(
        name: &IssuerName,
        issuer: &SpiffeIssuer,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let (source, bundle) = match &issuer.bundle {
            BundleSource::File(path) => {
                let read = std::fs::read(path).map_err(|source| unreadable(path, source));
                let bundle = read.and_then(|text| parse(&path.display().to_string(), &text));
                let bundle = bundle.map_err(|source| IdentityError::Keys { issuer: name.clone(), source })?;
                (Source::File(path.clone()), Some(bundle))
            }
            BundleSource::Url(text) => {
                let url = safe_url(name, text)?;
                (Source::Url { web: Web::new(name, issuer.ca.as_deref(), None)?, url }, None)
            }
        };
        Ok(Self {
            issuer: name.clone(),
            source,
            refresh_every: issuer.refresh_every.map(|span| span.0),
            clock: Arc::clone(clock),
            known: ArcSwapOption::from_pointee(bundle),
            looked: Mutex::default(),
        })
    }

    /// The bundle in force. Waits for the first alone.
    pub(super) async fn bundle(&self) -> Option<Arc<Bundle>> {
        if self.known.load().is_none() {
            self.look().await;
        }
        self.known.load_full()
    }

    /// Has the bundle again, if it is time and it has changed.
    pub(super) async fn look(&self) {
        let mut looked = self.looked.lock().await;
        if looked.due.is_some_and(|due| self.clock.now() < due) {
            return;
        }
        let result = self.have(&mut looked).await;
        let complaint = result.err().map(|error| (error.to_string(), error));
        let text = complaint.as_ref().map(|(text, _)| text.clone());
        if let Some((_, error)) = complaint.filter(|_| text != looked.complaint) {
            let (error, old_bundle_in_use) = (&error as &dyn Error, self.known.load().is_some());
            tracing::error!(issuer = %self.issuer, error, old_bundle_in_use, "a trust domain's bundle cannot be had");
        }
        looked.complaint = text;
    }

    /// Has it now, and says how many authorities and keys there are.
    pub(super) async fn load(&self) -> Result<usize, KeySourceError> {
        let mut looked = self.looked.lock().await;
        self.have(&mut looked).await?;
        Ok(self.known.load().as_ref().map_or(0, |bundle| bundle.size()))
    }

    async fn have(&self, looked: &mut Looked) -> Result<(), KeySourceError> {
        let result = self.read().await;
        if matches!(self.source, Source::Url { .. }) {
            let pause = match (&result, self.known.load().is_some()) {
                (Ok(()), _) => self.interval(),
                (Err(_), true) => PAUSE.min(self.interval()),
                (Err(_), false) => COLD_PAUSE,
            };
            looked.due = Some(after(self.clock.now(), pause));
        }
        result
    }

    async fn read(&self) -> Result<(), KeySourceError> {
        let (location, text) = match &self.source {
            Source::File(path) => {
                let text = tokio::fs::read(path).await.map_err(|source| unreadable(path, source))?;
                (path.display().to_string(), text)
            }
            Source::Url { web, url } => (url.to_string(), web.fetch(url).await?),
        };
        if self.known.load().as_ref().is_some_and(|known| known.is_of(&text)) {
            return Ok(());
        }
        let bundle = parse(&location, &text)?;
        let (authorities, keys) = (bundle.authorities().len(), bundle.keys().usable());
        tracing::info!(issuer = %self.issuer, authorities, keys, sequence = bundle.sequence, "a trust domain's bundle is in force");
        self.known.store(Some(Arc::new(bundle)));
        Ok(())
    }

    fn interval(&self) -> Duration {
        let known = self.known.load();
        let hint = || known.as_ref().and_then(|bundle| bundle.refresh_hint);
        self.refresh_every.unwrap_or_else(|| hint().unwrap_or(USUAL).clamp(HINTS.0, HINTS.1))
    }
}

fn parse(location: &str, text: &[u8]) -> Result<Bundle, KeySourceError> {
    if text.len() > MAX_BYTES {
        return Err(KeySourceError::TooLarge { location: location.to_owned() });
    }
    Bundle::parse(text).map_err(|why| KeySourceError::NotABundle { location: location.to_owned(), why })
}
