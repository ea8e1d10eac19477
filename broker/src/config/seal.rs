//! `seal`: the keys that seal credentials in the cache.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::SecretRef;

/// The keys that seal credentials (AES-256-GCM): the first seals, any opens.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The keys. To rotate: put the new one first, and remove the old one when its credentials have ended.
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
