//! `audit`: the tamper-evident record.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{SecretError, SecretRef, Span};

/// The tamper-evident record of everything that was delivered, refused and revoked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// The key of the chain (HMAC-SHA-256): 32 random bytes in base64. All replicas share it.
    pub key: SecretRef,
    /// How long events are kept; `dsn-broker audit prune` removes older ones. At least `1d`. Default: for ever.
    #[serde(default)]
    pub retention: Option<Span>,
    /// How often the heads of the chain are signed. At least `1s`. Default: `1m`.
    #[serde(default = "heads_every")]
    pub heads_every: Span,
}

impl Audit {
    /// Reads the key of the chain.
    pub fn key(&self) -> Result<[u8; 32], SecretError> {
        self.key.read_key()
    }

    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check::key_of_32_bytes(&self.key, &key.at("key"), mistakes);
        if let Some(retention) = self.retention {
            check::at_least(Span::secs(86_400), retention, key.at("retention"), mistakes);
        }
        check::at_least(Span::secs(1), self.heads_every, key.at("heads_every"), mistakes);
    }
}

fn heads_every() -> Span {
    Span(Duration::from_secs(60))
}
