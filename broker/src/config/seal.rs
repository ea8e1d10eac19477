//! `seal`: the keys that seal credentials in the cache.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::SecretRef;
use crate::config::check;
use crate::config::mistake::{Key, Mistakes};

/// The keys that seal credentials (AES-256-GCM): the first seals, any opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The keys. To rotate: add the new one as the last everywhere, then move it to the front, and remove the old one when
    /// what it sealed has ended.
    pub keys: Vec<SealKey>,
}

/// One key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SealKey {
    /// Its name: kept with each sealed credential. 1 to 32 of a-z, 0-9 and '-'.
    pub id: String,
    /// 32 random bytes in base64.
    pub key: SecretRef,
}

impl Seal {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        let keys = key.at("keys");
        if self.keys.is_empty() {
            mistakes.add(keys.clone(), "there is no key: the first one seals, so that there must be one");
        }
        for (index, seal) in self.keys.iter().enumerate() {
            let key = keys.index(index);
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if !(1..=32).contains(&seal.id.len()) || !seal.id.bytes().all(plain) {
                let message =
                    format!("{:?} is not the id of a key: use 1 to 32 of a-z, 0-9 and '-'", seal.id);
                mistakes.add(key.at("id"), message);
            }
            if self.keys.iter().take(index).any(|earlier| earlier.id == seal.id) {
                mistakes.add(key.at("id"), format!("another key has the id `{}` too", seal.id));
            }
            check::key_of_32_bytes(&seal.key, &key.at("key"), mistakes);
        }
    }
}
