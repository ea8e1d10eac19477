//! Tokens that were verified before.

use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::digest;

use crate::model::Workload;
use crate::secret::Secret;
use crate::time::Timestamp;

/// Who sent which token, for a time. Holds hashes, so that what it holds lets nobody in.
pub(super) struct Memory(Cache<Fingerprint, Remembered>);

/// The SHA-256 of a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; digest::SHA256_OUTPUT_LEN]);

#[derive(Clone)]
struct Remembered {
    workload: Arc<Workload>,
    until: Timestamp,
}

impl Memory {
    /// For about so many tokens; those that come seldom are forgotten first.
    pub(super) fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// Who sent this token before, if that still counts.
    pub(super) fn recall(&self, token: &Fingerprint, now: Timestamp) -> Option<Arc<Workload>> {
        let remembered = self.0.get(token)?;
        if now < remembered.until {
            return Some(remembered.workload);
        }
        self.0.remove(token);
        None
    }

    /// Remembers who sent this token.
    pub(super) fn remember(&self, token: Fingerprint, workload: Arc<Workload>, until: Timestamp) {
        self.0.insert(token, Remembered { workload, until });
    }
}

impl Fingerprint {
    pub(super) fn of(token: &Secret) -> Self {
        Self::of_bytes([token.expose().as_bytes()])
    }

    /// The SHA-256 of these parts, one after another: at most the last may be of any length.
    pub(super) fn of_bytes<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        parts.into_iter().for_each(|part| context.update(part));
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        // Both are as long as a SHA-256.
        hash.copy_from_slice(context.finish().as_ref());
        Self(hash)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;
    use crate::model::{Claims, Principal};

    fn workload(subject: &str) -> Arc<Workload> {
        let principal = Principal { issuer: "idp".parse().unwrap(), subject: subject.to_owned() };
        Arc::new(Workload { principal, claims: Claims::default(), instance: None })
    }

    #[test]
    fn a_token_is_remembered_until_its_time_is_over() {
        let (memory, now) = (Memory::new(10), DateTime::from_timestamp(1_000, 0).unwrap());
        let until = now + Duration::from_secs(60);
        let token = Fingerprint::of(&Secret::new("a"));
        memory.remember(token, workload("web"), until);
        assert_eq!(memory.recall(&token, until - Duration::from_micros(1)), Some(workload("web")));
        assert_eq!(memory.recall(&Fingerprint::of(&Secret::new("b")), now), None);
        assert_eq!(memory.recall(&token, until), None);
        assert_eq!(memory.recall(&token, now), None, "it was forgotten, not just hidden");
    }

    #[test]
    fn a_flood_of_tokens_takes_no_more_room() {
        let (memory, now) = (Memory::new(100), DateTime::from_timestamp(1_000, 0).unwrap());
        for number in 0..10_000 {
            let token = Fingerprint::of(&Secret::new(number.to_string()));
            memory.remember(token, workload("web"), now + Duration::from_secs(60));
        }
        assert!(memory.0.len() <= 200, "{}", memory.0.len());
    }
}
