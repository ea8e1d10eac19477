//! Sealing of what leaves the process but must stay readable to us alone (AES-256-GCM, NIST SP 800-38D).
//!
//! The first key seals, any key opens. Each sealed text is bound to the *place* where it lies: moved to
//! another one, it does not open.
//!
//! Guaranteed: who lacks the keys can neither read a sealed text nor change it, nor move it, unnoticed.
//!
//! Not guaranteed: an older sealed text put back into its own place opens; the length of the plaintext is
//! visible; and nonces are random, so one key should seal at most 2³² times (then the chance that two nonces
//! were the same is 2⁻³³): at a thousand seals a second that is seven weeks, and rotation starts anew.
//!
//! To rotate without a replica meeting a key that it does not know: add the new key as the last one
//! everywhere, then move it to the front, and remove the old one when what it sealed has ended.

mod credential;

use std::fmt;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, bytes};
use crate::secret::Secret;

pub use credential::StoredCredential;

/// Seals and opens.
pub struct Sealer(ArcSwap<Keys>);

struct Keys {
    first: Key,
    others: Vec<Key>,
}

/// A sealed text: version, key, nonce, ciphertext and tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// Why keys cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is none.
    #[error("there is no key to seal with: give at least one (`openssl rand -base64 32` makes one)")]
    NoKey,
    /// The name of a key is not one.
    #[error("the name {id:?} of a seal key is not 1 to {LONGEST_ID} of a-z, 0-9 and '-'")]
    Id {
        /// The name.
        id: String,
    },
    /// Two keys have the same name.
    #[error("two seal keys are named `{id}`: a sealed text would not tell which one opens it")]
    Twice {
        /// The name.
        id: String,
    },
    /// The key is not base64.
    #[error("the seal key `{id}` is not base64: `openssl rand -base64 32` makes a good one")]
    NotBase64 {
        /// The name.
        id: String,
    },
    /// The key is too short or too long.
    #[error("the seal key `{id}` has {length} bytes, not 32: `openssl rand -base64 32` makes a good one")]
    Length {
        /// The name.
        id: String,
        /// Its length in bytes.
        length: usize,
    },
}

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It was sealed with a key that we do not have.
    #[error("it was sealed with a key that is not configured here")]
    UnknownKey,
    /// It was changed, or lies where it was not put.
    #[error("it was changed, or moved from where it was put")]
    Tampered,
    /// It is no sealed text at all.
    #[error("it is not a sealed text")]
    Malformed,
}

impl Sealer {
    /// A sealer with these keys, each with its name: 32 bytes in base64.
    pub fn new(keys: Vec<(String, Secret)>) -> Result<Self, SealError> {
        let mut all: Vec<Key> = Vec::with_capacity(keys.len());
        for (id, text) in keys {
            if all.iter().any(|key| key.id == id) {
                return Err(SealError::Twice { id });
            }
            all.push(Key::new(id, &text)?);
        }
        let mut all = all.into_iter();
        let keys = Keys { first: all.next().ok_or(SealError::NoKey)?, others: all.collect() };
        Ok(Self(ArcSwap::from_pointee(keys)))
    }

    /// From now on seals and opens with the keys of `other`.
    pub fn replace(&self, other: Self) {
        self.0.store(other.0.into_inner());
    }

    /// Seals `plaintext` so that it opens at `place` alone.
    #[expect(clippy::expect_used, reason = "ring refuses only texts of more than 64 GiB")]
    pub fn seal(&self, plaintext: &[u8], place: &[u8], entropy: &dyn Entropy) -> Sealed {
        let keys = self.0.load();
        let Key { id, aead } = &keys.first;
        let nonce: [u8; NONCE_LEN] = bytes(entropy);
        let header = header(id);
        let mut text = plaintext.to_vec();
        let tag = aead
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad(&header, place), &mut text)
            .expect("a short plaintext");
        Sealed([&header, &nonce[..], &text, tag.as_ref()].concat())
    }

    /// Seals a value, as JSON. Its keys are strings.
    #[expect(clippy::expect_used, reason = "values under string keys always serialize")]
    pub fn seal_json(&self, value: &impl Serialize, place: &[u8], entropy: &dyn Entropy) -> Sealed {
        // Large enough for a token as the password: growing would leave copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(8 * 1024));
        serde_json::to_writer(&mut *text, value).expect("a value serializes");
        self.seal(&text, place, entropy)
    }

    /// Opens a value that was sealed at `place`.
    pub fn open_json<T: DeserializeOwned>(&self, sealed: &Sealed, place: &[u8]) -> Result<T, OpenError> {
        serde_json::from_slice(&self.open(sealed, place)?).map_err(|_| OpenError::Malformed)
    }

    /// Opens what was sealed at `place`.
    pub fn open(&self, sealed: &Sealed, place: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let parts = sealed.parts().ok_or(OpenError::Malformed)?;
        let all = self.0.load();
        let mut keys = std::iter::once(&all.first).chain(&all.others);
        let key = keys.find(|key| key.id.as_bytes() == parts.id).ok_or(OpenError::UnknownKey)?;
        let mut text = Zeroizing::new(parts.ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*parts.nonce);
        let opened = key.aead.open_in_place(nonce, aad(&header(&key.id), place), &mut text);
        let length = opened.map_err(|_| OpenError::Tampered)?.len();
        text.truncate(length);
        Ok(text)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("first", &self.0.load().first.id).finish_non_exhaustive()
    }
}

impl Sealed {
    /// Takes what [`Sealed::as_bytes`] once gave.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// To be stored or sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let (&VERSION, rest) = self.0.split_first()? else { return None };
        let (length, rest) = rest.split_first()?;
        let (id, rest) = rest.split_at_checked(usize::from(*length))?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        Some(Parts { id, nonce, ciphertext })
    }
}

struct Key {
    id: String,
    aead: LessSafeKey,
}

impl Key {
    fn new(id: String, text: &Secret) -> Result<Self, SealError> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(plain) {
            return Err(SealError::Id { id });
        }
        let Ok(key) = BASE64.decode(text.expose().trim()).map(Zeroizing::new) else {
            return Err(SealError::NotBase64 { id });
        };
        match UnboundKey::new(&AES_256_GCM, &key) {
            Ok(key) => Ok(Self { id, aead: LessSafeKey::new(key) }),
            Err(_) => Err(SealError::Length { id, length: key.len() }),
        }
    }
}

struct Parts<'a> {
    id: &'a [u8],
    nonce: &'a [u8; NONCE_LEN],
    ciphertext: &'a [u8],
}

fn header(id: &str) -> Vec<u8> {
    let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
    [&[VERSION, length], id.as_bytes()].concat()
}

/// The header says where it ends, so that no two pairs of header and place look the same.
fn aad(header: &[u8], place: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([header, place].concat())
}

const VERSION: u8 = 1;

const LONGEST_ID: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SystemEntropy;

    fn key(id: &str, byte: u8) -> (String, Secret) {
        (id.to_owned(), Secret::new(BASE64.encode([byte; 32])))
    }

    fn seal(sealer: &Sealer, place: &[u8]) -> Sealed {
        sealer.seal(b"hunter2", place, &SystemEntropy)
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_alone() {
        let sealer = Sealer::new(vec![key("a", 1)]).unwrap();
        let sealed = seal(&sealer, b"here");
        assert_eq!(sealer.open(&sealed, b"here").unwrap().as_slice(), b"hunter2");
        assert_eq!(sealer.open(&sealed, b"there").unwrap_err(), OpenError::Tampered);
        assert!(!sealed.as_bytes().windows(7).any(|bytes| bytes == b"hunter2"));
        assert_ne!(sealed, seal(&sealer, b"here"), "each seal has a nonce of its own");
    }

    #[test]
    fn the_first_key_seals_and_any_opens() {
        let old = Sealer::new(vec![key("old", 1)]).unwrap();
        let both = Sealer::new(vec![key("new", 2), key("old", 1)]).unwrap();
        assert_eq!(both.open(&seal(&old, b""), b"").unwrap().as_slice(), b"hunter2");
        assert_eq!(old.open(&seal(&both, b""), b"").unwrap_err(), OpenError::UnknownKey);
    }

    #[test]
    fn another_key_of_the_same_name_opens_nothing() {
        let (one, other) = (Sealer::new(vec![key("a", 1)]).unwrap(), Sealer::new(vec![key("a", 2)]).unwrap());
        assert_eq!(other.open(&seal(&one, b""), b"").unwrap_err(), OpenError::Tampered);
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unnoticed() {
        let sealer = Sealer::new(vec![key("a", 1), key("b", 1)]).unwrap();
        let sealed = seal(&sealer, b"here");
        for bit in 0..sealed.as_bytes().len() * 8 {
            let mut changed = sealed.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(sealer.open(&Sealed::from_bytes(changed), b"here").is_err(), "bit {bit}");
        }
        for length in 0..sealed.as_bytes().len() {
            let cut = Sealed::from_bytes(sealed.as_bytes()[..length].to_vec());
            assert!(sealer.open(&cut, b"here").is_err(), "cut to {length}");
        }
        // The same key under another name: the name in the header is authenticated, too.
        let mut renamed = sealed.as_bytes().to_vec();
        renamed[2] = b'b';
        assert_eq!(sealer.open(&Sealed::from_bytes(renamed), b"here").unwrap_err(), OpenError::Tampered);
    }

    #[test]
    fn bad_keys_are_named() {
        let error = |keys| Sealer::new(keys).unwrap_err();
        let with = |id: &str, text: &str| vec![(id.to_owned(), Secret::new(text))];
        assert_eq!(error(vec![]), SealError::NoKey);
        assert_eq!(error(vec![key("a", 1), key("a", 2)]), SealError::Twice { id: "a".to_owned() });
        for id in ["", "A", "a b", &"a".repeat(33)] {
            assert_eq!(error(vec![key(id, 1)]), SealError::Id { id: id.to_owned() });
        }
        assert_eq!(error(with("k", "no base64!")), SealError::NotBase64 { id: "k".to_owned() });
        for length in [0, 16, 31, 33] {
            let text = BASE64.encode(vec![7; length]);
            assert_eq!(error(with("k", &text)), SealError::Length { id: "k".to_owned(), length });
        }
    }
}
