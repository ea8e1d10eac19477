//! What a token says.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::entropy;

/// The signature algorithms of an honest issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "their names in RFC 7518 and RFC 8037 say it all")]
pub enum Algorithm {
    #[default]
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The contents of a token. Unless told otherwise: for the audience `dsn-broker`, from now on, for five minutes.
#[derive(Clone, Debug)]
#[must_use]
pub struct Claims {
    pub(super) algorithm: Algorithm,
    pub(super) now: Option<u64>,
    subject: String,
    audience: Value,
    issuer: Said,
    lifetime: Duration,
    further: Map<String, Value>,
}

/// Whom a token says that it is by.
#[derive(Clone, Debug, Default)]
enum Said {
    /// By who mints it.
    #[default]
    Own,
    By(String),
    Nobody,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// As in a token's header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Claims {
    /// About this subject.
    pub fn of(subject: &str) -> Self {
        Self {
            algorithm: Algorithm::default(),
            now: None,
            subject: subject.to_owned(),
            audience: json!("dsn-broker"),
            issuer: Said::Own,
            lifetime: Duration::from_secs(300),
            further: Map::new(),
        }
    }

    /// For this audience: a string, or an array of them.
    pub fn audience(self, audience: impl Into<Value>) -> Self {
        Self { audience: audience.into(), ..self }
    }

    /// Said by this issuer instead of the one that mints.
    pub fn issuer(self, issuer: &str) -> Self {
        Self { issuer: Said::By(issuer.to_owned()), ..self }
    }

    /// Said by nobody in particular.
    pub fn without_issuer(self) -> Self {
        Self { issuer: Said::Nobody, ..self }
    }

    /// Good for so long.
    pub fn lifetime(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }

    /// Minted at this time, in Unix seconds, instead of the system's.
    pub fn now(self, now: u64) -> Self {
        Self { now: Some(now), ..self }
    }

    /// Signed like this.
    pub fn algorithm(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// With this claim, which wins over one of ours.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.further.insert(name.to_owned(), value.into());
        self
    }

    /// With all of these claims.
    pub(super) fn with_all(mut self, claims: Map<String, Value>) -> Self {
        self.further.extend(claims);
        self
    }

    pub(super) fn minted_at(&self) -> u64 {
        self.now.unwrap_or_else(system_time)
    }

    pub(super) fn to_json(&self, issuer: &str) -> anyhow::Result<Map<String, Value>> {
        let now = self.minted_at();
        let mut claims = Map::new();
        match &self.issuer {
            Said::Own => drop(claims.insert("iss".to_owned(), issuer.into())),
            Said::By(other) => drop(claims.insert("iss".to_owned(), other.as_str().into())),
            Said::Nobody => {}
        }
        claims.insert("sub".to_owned(), self.subject.as_str().into());
        claims.insert("aud".to_owned(), self.audience.clone());
        claims.insert("iat".to_owned(), now.into());
        claims.insert("nbf".to_owned(), now.into());
        claims.insert("exp".to_owned(), (now + self.lifetime.as_secs()).into());
        claims.insert("jti".to_owned(), entropy::password()?.into());
        claims.extend(self.further.clone());
        Ok(claims)
    }
}

/// The header of an honest token.
pub(super) fn header(algorithm: Algorithm, kid: &str) -> Map<String, Value> {
    let entries = [("alg", algorithm.name()), ("typ", "JWT"), ("kid", kid)];
    entries.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// What is signed.
pub(super) fn signing_input(header: &Map<String, Value>, payload: impl AsRef<[u8]>) -> String {
    format!("{}.{}", encode(Value::Object(header.clone()).to_string()), encode(payload))
}

/// In base64 as tokens have it.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[expect(
    clippy::disallowed_methods,
    reason = "an issuer has a clock of its own; callers with another time say so"
)]
fn system_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
