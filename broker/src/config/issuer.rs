//! `issuers`: whose proofs of identity are accepted.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::{ClaimPath, Span};
use crate::time::Timestamp;

/// Someone whose proof of identity is accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Issuer {
    /// An OpenID Connect provider: its JWTs are verified here, by its published keys.
    Oidc(OidcIssuer),
    /// The broker's own API keys.
    ApiKey(ApiKeyIssuer),
}

/// An OpenID Connect provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcIssuer {
    /// Its identifier: the exact text of the `iss` claim.
    pub issuer: String,
    /// Who the tokens must be for: one of these must be in the `aud` claim.
    pub audiences: Vec<String>,
    /// The signature algorithms that are accepted; asymmetric only.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are. Default: as its discovery document says.
    #[serde(default)]
    pub jwks: JwksSource,
    /// The CA that signed the certificate of the issuer's server. Default: the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// By how much clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Span,
    /// The longest life (`exp` minus `iat`) that a token may have. Default: no limit.
    #[serde(default)]
    pub max_token_life: Option<Span>,
    /// The claim that tells the instances (pods, processes) of one subject apart.
    #[serde(default)]
    pub instance: Option<ClaimPath>,
    /// How long fetched keys are used before they are fetched again.
    #[serde(default = "refresh_every")]
    pub refresh_every: Span,
    /// How soon after a fetch an unknown key identifier may cause the next one.
    #[serde(default = "cool_down")]
    pub cool_down: Span,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JwksSource {
    /// At the `jwks_uri` of its discovery document (OpenID Connect Discovery 1.0 §4).
    #[default]
    Discovery,
    /// At this URL.
    Url(String),
    /// In this file.
    File(PathBuf),
}

/// A signature algorithm of JWTs (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the names are those of the RFCs")]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    EdDSA,
}

/// The broker's own API keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyIssuer {
    /// The keys by the subject that each proves, as `dsn-broker api-key new` prints them.
    pub keys: BTreeMap<String, ApiKey>,
}

/// One API key, by its hash.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The SHA-256 of the key, in hexadecimal.
    pub sha256: String,
    /// When it stops being accepted (RFC 3339). Default: never.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// Attributes for bindings to look at.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

fn leeway() -> Span {
    Span(Duration::from_secs(60))
}

fn refresh_every() -> Span {
    Span(Duration::from_secs(600))
}

fn cool_down() -> Span {
    Span(Duration::from_secs(30))
}
