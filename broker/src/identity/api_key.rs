//! The broker's own API keys, for callers that no other issuer vouches for.
//!
//! A key is `dsnk_`, 32 random bytes and a checksum: 54 characters that a scanner for leaked secrets can find
//! and that a typing error cannot turn into another key. The configuration has only its SHA-256; that is safe
//! without salt or stretching, because 256 random bits cannot be guessed.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use crate::config::ApiKeyIssuer;
use crate::entropy::{self, Entropy};
use crate::identity::rule::is_name;
use crate::identity::{AuthenticationError, IdentityError, Refusal};
use crate::model::{Claims, IssuerName, Principal, Workload};
use crate::secret::Secret;
use crate::time::Timestamp;

const PREFIX: &str = "dsnk_";
/// The prefix and 32 bytes in base64url.
const BODY_LENGTH: usize = PREFIX.len() + 43;
/// 36 bits: one typing error in 69 billion is not noticed.
const CHECKSUM_LENGTH: usize = 6;

type Hash = [u8; digest::SHA256_OUTPUT_LEN];

/// A key that was just made.
#[derive(Debug)]
pub struct NewApiKey {
    /// The key, for the caller.
    pub key: Secret,
    /// Its SHA-256 in hexadecimal, for the configuration.
    pub sha256: String,
}

/// A new API key.
pub fn generate(entropy: &dyn Entropy) -> NewApiKey {
    let body = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(entropy::bytes::<32>(entropy)));
    let key = Secret::new(format!("{body}{}", checksum(&body)));
    let sha256 = hash(&key).iter().map(|byte| format!("{byte:02x}")).collect();
    NewApiKey { key, sha256 }
}

/// Whether a proof wants to be an API key: no JWT begins like one.
pub(super) fn is_meant(proof: &Secret) -> bool {
    proof.expose().starts_with(PREFIX)
}

/// The configured keys of all issuers.
#[derive(Default)]
pub(super) struct ApiKeys(HashMap<Hash, Known>);

struct Known {
    workload: Arc<Workload>,
    expires_at: Option<Timestamp>,
}

impl ApiKeys {
    /// Adds the keys of an issuer.
    pub(super) fn add(&mut self, name: &IssuerName, issuer: &ApiKeyIssuer) -> Result<(), IdentityError> {
        for (subject, key) in &issuer.keys {
            let owner = || (name.clone(), subject.clone());
            if !is_name(subject) {
                let (issuer, subject) = owner();
                return Err(IdentityError::BadSubject { issuer, subject });
            }
            let Some(hash) = parse_hash(&key.sha256) else {
                let (issuer, subject) = owner();
                return Err(IdentityError::BadHash { issuer, subject });
            };
            let claims = key.claims.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            let workload = Arc::new(Workload {
                principal: Principal { issuer: name.clone(), subject: subject.clone() },
                claims: Claims(claims.collect()),
                instance: None,
            });
            if self.0.insert(hash, Known { workload, expires_at: key.expires_at }).is_some() {
                let (issuer, subject) = owner();
                return Err(IdentityError::SameApiKey { issuer, subject });
            }
        }
        Ok(())
    }

    /// Whose key this is. Found by its hash, of which an attacker controls nothing: timing tells nothing.
    pub(super) fn authenticate(
        &self,
        proof: &Secret,
        now: Timestamp,
    ) -> Result<Arc<Workload>, AuthenticationError> {
        if !is_well_typed(proof.expose()) {
            return Err(Refusal::MistypedApiKey.into());
        }
        let known = self.0.get(&hash(proof)).ok_or(Refusal::UnknownApiKey)?;
        match known.expires_at {
            Some(at) if at <= now => {
                let principal = &known.workload.principal;
                let error = AuthenticationError::from(Refusal::ExpiredApiKey { at });
                Err(error.by(&principal.issuer).about(&principal.subject))
            }
            _ => Ok(Arc::clone(&known.workload)),
        }
    }
}

fn is_well_typed(text: &str) -> bool {
    let parts = text.split_at_checked(BODY_LENGTH);
    parts.is_some_and(|(body, end)| end.len() == CHECKSUM_LENGTH && checksum(body) == end)
}

fn checksum(body: &str) -> String {
    let mut text = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, body.as_bytes()));
    text.truncate(CHECKSUM_LENGTH);
    text
}

fn hash(key: &Secret) -> Hash {
    let mut hash = Hash::default();
    hash.copy_from_slice(digest::digest(&digest::SHA256, key.expose().as_bytes()).as_ref());
    hash
}

fn parse_hash(hex: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    let digits = hex.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = u8::try_from(pair.iter().try_fold(0, |sum, each| Some(sum * 16 + digit(each)?))?).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;
    use crate::config::ApiKey;
    use crate::entropy::SystemEntropy;

    fn issuer(subject: &str, sha256: &str, expires_at: Option<i64>) -> ApiKeyIssuer {
        let expires_at = expires_at.map(at);
        let claims = BTreeMap::from([("team".to_owned(), "red".to_owned())]);
        let key = ApiKey { sha256: sha256.to_owned(), expires_at, claims };
        ApiKeyIssuer { keys: BTreeMap::from([(subject.to_owned(), key)]) }
    }

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn name() -> IssuerName {
        "keys".parse().unwrap()
    }

    #[test]
    fn a_new_key_is_accepted_by_its_hash_alone() {
        let new = generate(&SystemEntropy);
        assert_eq!(new.key.expose().len(), 54);
        assert!(is_meant(&new.key));
        let mut keys = ApiKeys::default();
        keys.add(&name(), &issuer("ci", &new.sha256.to_uppercase(), None)).unwrap();
        let workload = keys.authenticate(&new.key, at(0)).unwrap();
        assert_eq!(workload.principal, Principal { issuer: name(), subject: "ci".to_owned() });
        assert_eq!(workload.claims.at(["team"]), Some(&Value::from("red")));
        let other = keys.authenticate(&generate(&SystemEntropy).key, at(0)).unwrap_err();
        assert_eq!((other.refusal, other.subject), (Refusal::UnknownApiKey, None));
    }

    #[test]
    fn the_format_does_not_change() {
        struct Zeros;
        impl Entropy for Zeros {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(0);
            }
        }
        let new = generate(&Zeros);
        assert_eq!(new.key.expose(), "dsnk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAigXVBF");
        assert_eq!(new.sha256, "e015f4091f33ac6e9099dc0a18fe22b97e509e677aba2ac396cd8ea7ac515899");
    }

    #[test]
    fn any_typing_error_is_told_apart_from_an_unknown_key() {
        let key = generate(&SystemEntropy).key;
        let keys = ApiKeys::default();
        let refusal = |text: &str| keys.authenticate(&Secret::new(text), at(0)).unwrap_err().refusal;
        assert_eq!(refusal(key.expose()), Refusal::UnknownApiKey);
        for place in 0..key.expose().len() {
            let mut text = key.expose().to_owned();
            let other = if text.as_bytes()[place] == b'x' { "y" } else { "x" };
            text.replace_range(place..=place, other);
            assert_eq!(refusal(&text), Refusal::MistypedApiKey, "at {place}");
        }
        for text in ["dsnk_", "", "dsnk_ä", &key.expose()[..53], &format!("{}x", key.expose()), "dsnk_aaaaa€"]
        {
            assert_eq!(refusal(text), Refusal::MistypedApiKey, "{text}");
        }
    }

    #[test]
    fn a_key_ends_at_its_date() {
        let new = generate(&SystemEntropy);
        let mut keys = ApiKeys::default();
        keys.add(&name(), &issuer("ci", &new.sha256, Some(1_000))).unwrap();
        assert!(keys.authenticate(&new.key, at(999)).is_ok());
        let error = keys.authenticate(&new.key, at(1_000)).unwrap_err();
        assert_eq!(error.refusal, Refusal::ExpiredApiKey { at: at(1_000) });
        assert_eq!((error.issuer, error.subject.as_deref()), (Some(name()), Some("ci")));
    }

    #[test]
    fn mistakes_in_the_configuration_are_named() {
        let sha256 = generate(&SystemEntropy).sha256;
        let add = |issuer: &ApiKeyIssuer| ApiKeys::default().add(&name(), issuer);
        assert!(matches!(add(&issuer("", &sha256, None)), Err(IdentityError::BadSubject { .. })));
        assert!(matches!(add(&issuer("a\nb", &sha256, None)), Err(IdentityError::BadSubject { .. })));
        for hash in ["", "abc", &sha256[1..], &sha256.replacen(|_| true, "g", 1), &"ä".repeat(32)] {
            assert!(matches!(add(&issuer("ci", hash, None)), Err(IdentityError::BadHash { .. })), "{hash}");
        }
        let mut keys = ApiKeys::default();
        keys.add(&name(), &issuer("ci", &sha256, None)).unwrap();
        let again = keys.add(&"others".parse().unwrap(), &issuer("cd", &sha256, None));
        assert!(matches!(again, Err(IdentityError::SameApiKey { .. })));
    }
}
