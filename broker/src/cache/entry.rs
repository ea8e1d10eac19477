//! What is kept, and how it looks sealed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::cache::{CacheKey, MARGIN};
use crate::entropy::Entropy;
use crate::id::LeaseId;
use crate::model::{Credential, Times};
use crate::seal::{OpenError, Sealed, Sealer, StoredCredential};
use crate::secret::Secret;
use crate::time::Timestamp;

/// An issued credential that others may get, too.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The lease that it belongs to.
    pub lease: LeaseId,
    /// User and password.
    pub credential: Credential,
    /// The times of the lease.
    pub times: Times,
    rendered: Rendered,
}

/// What callers were last told of an entry: the same for all who ask alike.
#[derive(Default)]
struct Rendered(OnceLock<(CacheKey, Arc<Secret>)>);

/// What became of an entry that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept,
    /// It ends too soon.
    TooLate,
    /// A newer one is there.
    Superseded,
    /// Its lease was evicted: the credential is ending, and nobody should get it.
    Evicted,
}

impl Entry {
    /// A credential of this lease.
    pub fn new(lease: LeaseId, credential: Credential, times: Times) -> Self {
        Self { lease, credential, times, rendered: Rendered::default() }
    }

    /// How it is told to those who ask for it in the way that `asked` stands for. What is rendered first is kept as
    /// long as this entry is in memory; who asks in another way has it rendered anew.
    pub fn rendered<E>(
        &self,
        asked: CacheKey,
        render: impl FnOnce() -> Result<Secret, E>,
    ) -> Result<Arc<Secret>, E> {
        match self.rendered.0.get() {
            Some((kept, text)) if *kept == asked => Ok(text.clone()),
            Some(_) => render().map(Arc::new),
            None => {
                let text = Arc::new(render()?);
                // Another may have been faster, with the same or with another text.
                let _ = self.rendered.0.set((asked, text.clone()));
                Ok(text)
            }
        }
    }

    /// Whether it can be handed out at `now`.
    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        self.good_until() > now
    }

    /// When it stops being handed out.
    pub(super) fn good_until(&self) -> Timestamp {
        self.times.expires_at - MARGIN
    }

    pub(super) fn is_newer_than(&self, other: Option<Timestamp>) -> bool {
        other.is_none_or(|other| self.times.issued_at > other)
    }

    pub(super) fn seal(&self, sealer: &Sealer, place: &[u8], entropy: &dyn Entropy) -> Sealed {
        let credential = StoredCredential::of(&self.credential);
        let stored = Stored { lease: self.lease, credential, times: self.times };
        sealer.seal_json(&stored, place, entropy)
    }

    pub(super) fn open(sealed: &Sealed, sealer: &Sealer, place: &[u8]) -> Result<Self, OpenError> {
        let stored: Stored<String> = sealer.open_json(sealed, place)?;
        Ok(Self::new(stored.lease, stored.credential.into_credential(), stored.times))
    }
}

impl PartialEq for Rendered {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Rendered {}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct Stored<Text> {
    lease: LeaseId,
    credential: StoredCredential<Text>,
    times: Times,
}
