//! `issuers`: whose proofs of identity are accepted.

mod kubernetes;
mod spiffe;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

pub use kubernetes::{KubernetesIssuer, TokenReview, WhenUnavailable};
pub use spiffe::{BundleSource, SpiffeIssuer, SvidKind};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{ClaimPath, Span};
use crate::time::Timestamp;

/// Someone whose proof of identity is accepted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Issuer {
    /// An OpenID Connect provider: its JWTs are verified here, by its published keys.
    Oidc(OidcIssuer),
    /// A Kubernetes cluster: the tokens of its service accounts are verified here, and by its API server if asked.
    Kubernetes(KubernetesIssuer),
    /// A SPIFFE trust domain: its JWT-SVIDs and X.509-SVIDs are verified here, by its bundle.
    Spiffe(SpiffeIssuer),
    /// The broker's own API keys.
    ApiKey(ApiKeyIssuer),
}

/// An OpenID Connect provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcIssuer {
    /// Its identifier: the exact text of the `iss` claim. With `jwks: discovery` an https URL (http on loopback only).
    pub issuer: String,
    /// Who the tokens must be for: one of these must be in the `aud` claim.
    pub audiences: Vec<String>,
    /// The signature algorithms that are accepted; asymmetric only.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are: `discovery`, `{url: …}` or `{file: …}`. Default: `discovery`.
    #[serde(default)]
    pub jwks: JwksSource,
    /// The CA that signed the certificate of the issuer's server. Default: the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// By how much clocks may differ. At most `10m`. Default: `1m`.
    #[serde(default = "leeway")]
    pub leeway: Span,
    /// The longest life (`exp` minus `iat`) that a token may have. Default: no limit.
    #[serde(default)]
    pub max_token_life: Option<Span>,
    /// The claim that tells the instances (pods, processes) of one subject apart. Default: none, they are not told apart.
    #[serde(default)]
    pub instance: Option<ClaimPath>,
    /// How long fetched keys are used before they are fetched again. At least `1s`. Default: `10m`.
    #[serde(default = "refresh_every")]
    pub refresh_every: Span,
    /// How soon after a fetch an unknown key identifier may cause the next one. At least `1s`. Default: `30s`.
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
    #[serde(default, deserialize_with = "time")]
    #[schemars(with = "Option<String>")]
    pub expires_at: Option<Timestamp>,
    /// Attributes for bindings to look at. Default: none.
    #[serde(default)]
    pub claims: BTreeMap<String, String>,
}

impl Issuer {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        match self {
            Self::Oidc(oidc) => oidc.check(key, mistakes),
            Self::Kubernetes(kubernetes) => kubernetes.check(key, mistakes),
            Self::Spiffe(spiffe) => spiffe.check(key, mistakes),
            Self::ApiKey(api_key) => api_key.check(key, mistakes),
        }
    }
}

impl Issuer {
    /// Every file that it refers to.
    pub(super) fn file_references(&mut self) -> Vec<&mut PathBuf> {
        let (mut files, jwks) = match self {
            Self::Oidc(oidc) => (oidc.ca.iter_mut().collect::<Vec<_>>(), Some(&mut oidc.jwks)),
            Self::Kubernetes(cluster) => {
                let mut files: Vec<_> = cluster.ca.iter_mut().chain(&mut cluster.token_file).collect();
                if let Some(review) = &mut cluster.token_review {
                    files.extend(&mut review.ca);
                    files.push(&mut review.token_file);
                }
                (files, Some(&mut cluster.jwks))
            }
            Self::Spiffe(spiffe) => {
                let bundle = match &mut spiffe.bundle {
                    BundleSource::File(file) => Some(file),
                    BundleSource::Url(_) => None,
                };
                (spiffe.ca.iter_mut().chain(bundle).collect(), None)
            }
            Self::ApiKey(_) => (Vec::new(), None),
        };
        if let Some(JwksSource::File(file)) = jwks {
            files.push(file);
        }
        files
    }

    /// Those of them that are read again without a new configuration.
    pub(super) fn own_files(&self) -> Vec<PathBuf> {
        match self {
            Self::Kubernetes(cluster) => {
                let review = cluster.token_review.as_ref().map(|review| &review.token_file);
                cluster.token_file.iter().chain(review).cloned().collect()
            }
            Self::Spiffe(SpiffeIssuer { bundle: BundleSource::File(file), .. }) => vec![file.clone()],
            _ => Vec::new(),
        }
    }

    /// Whether it accepts certificates that clients show in the TLS handshake.
    pub fn takes_certificates(&self) -> bool {
        matches!(self, Self::Spiffe(spiffe) if spiffe.svid.contains(&SvidKind::X509))
    }
}

impl OidcIssuer {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check_source(&self.issuer, &self.jwks, key, mistakes);
        check_audiences(&self.audiences, key, mistakes);
        check_tokens(&self.algorithms, self.leeway, self.max_token_life, key, mistakes);
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        check_times(self.refresh_every, self.cool_down, key, mistakes);
    }
}

/// Where something is fetched, it must be fetched safely: the keys are the trust.
fn check_source(issuer: &str, jwks: &JwksSource, key: &Key, mistakes: &mut Mistakes) {
    match jwks {
        JwksSource::Discovery => check::web_address(issuer, &key.at("issuer"), mistakes),
        JwksSource::Url(url) => {
            check::not_blank(issuer, key.at("issuer"), mistakes);
            check::web_address(url, &key.at("jwks").at("url"), mistakes);
        }
        JwksSource::File(file) => {
            check::not_blank(issuer, key.at("issuer"), mistakes);
            if let Err(wrong) = read_jwks(file) {
                mistakes.add(key.at("jwks").at("file"), wrong);
            }
        }
    }
}

fn check_audiences(audiences: &[String], key: &Key, mistakes: &mut Mistakes) {
    if audiences.is_empty() {
        let message = "without an audience a token that was meant for another service would be accepted: name the broker's";
        mistakes.add(key.at("audiences"), message);
    }
    for (index, audience) in audiences.iter().enumerate() {
        check::not_blank(audience, key.at("audiences").index(index), mistakes);
    }
    check::no_repeats(audiences, &key.at("audiences"), mistakes);
}

fn check_tokens(
    algorithms: &[Algorithm],
    leeway: Span,
    max_life: Option<Span>,
    key: &Key,
    mistakes: &mut Mistakes,
) {
    if algorithms.is_empty() {
        mistakes.add(
            key.at("algorithms"),
            "no algorithm is allowed: name those that the issuer signs with, e.g. RS256",
        );
    }
    if leeway > Span::secs(600) {
        mistakes.add(key.at("leeway"), format!("{leeway} is too long: at most 10m"));
    }
    if let Some(life) = max_life {
        check::at_least(Span::secs(1), life, key.at("max_token_life"), mistakes);
    }
}

fn check_times(refresh_every: Span, cool_down: Span, key: &Key, mistakes: &mut Mistakes) {
    check::at_least(Span::secs(1), refresh_every, key.at("refresh_every"), mistakes);
    check::at_least(Span::secs(1), cool_down, key.at("cool_down"), mistakes);
}

fn read_jwks(file: &Path) -> Result<(), String> {
    let name = file.display();
    let text = std::fs::read(file).map_err(|error| format!("the file {name} cannot be read: {error}"))?;
    let jwks: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| format!("{name} is not JSON: {error}"))?;
    match jwks.get("keys").and_then(|keys| keys.as_array()) {
        Some(keys) if !keys.is_empty() => Ok(()),
        _ => Err(format!("{name} is not a JWK Set: it has no `keys` (RFC 7517 §5)")),
    }
}

impl ApiKeyIssuer {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        for (subject, api_key) in &self.keys {
            let key = key.at("keys").at(subject);
            check::not_blank(subject, key.clone(), mistakes);
            let hash = &api_key.sha256;
            if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let message = "it is not the SHA-256 of a key, 64 hexadecimal digits: `dsn-broker api-key new` prints one";
                mistakes.add(key.at("sha256"), message);
            }
        }
    }
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let wrong = || D::Error::custom(format!("{text:?} is not a time (RFC 3339), like 2030-01-31T00:00:00Z"));
    text.parse().map(Some).map_err(|_| wrong())
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
