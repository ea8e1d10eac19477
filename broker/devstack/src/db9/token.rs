//! Connect tokens: RS256, bound to a database and a role.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::oidc::{Algorithm, Generation, Key, encode};

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: String,
    iat: u64,
    exp: u64,
}

/// Signs connect tokens, and knows its own.
#[derive(Debug)]
pub(super) struct Signer {
    keys: Generation,
}

impl Signer {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self { keys: Generation::new(0)? })
    }

    /// `/.well-known/db9-connect-jwks.json`
    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": [self.key().jwk()] })
    }

    /// A token for this role of this database.
    pub(super) fn sign(
        &self,
        tenant: &str,
        role: &str,
        now: SystemTime,
        life: Duration,
    ) -> anyhow::Result<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.key().kid });
        let (sub, role) = (tenant.to_owned(), role.to_owned());
        let claims = Claims { sub, role, iat: seconds(now), exp: seconds(now + life) };
        let signed = format!("{}.{}", encode(header.to_string()), encode(serde_json::to_vec(&claims)?));
        Ok(format!("{signed}.{}", self.signature(&signed)?))
    }

    /// Whether a token is good for this role of this database.
    pub(super) fn accepts(&self, token: &str, tenant: &str, role: &str, now: SystemTime) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        // Signatures of this kind (RSASSA-PKCS1-v1_5) are the same each time.
        if !self.signature(signed).is_ok_and(|right| right == signature) {
            return false;
        }
        let claims =
            signed.split_once('.').and_then(|(_, claims)| BASE64_URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|text| serde_json::from_slice::<Claims>(&text).ok());
        claims.is_some_and(|claims| claims.sub == tenant && claims.role == role && claims.exp > seconds(now))
    }

    fn signature(&self, signed: &str) -> anyhow::Result<String> {
        Ok(encode(self.key().sign(Algorithm::Rs256, signed.as_bytes())?))
    }

    fn key(&self) -> &Key {
        self.keys.key(Algorithm::Rs256)
    }
}

fn seconds(moment: SystemTime) -> u64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
