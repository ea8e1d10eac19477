//! `kind: spiffe`: a trust domain, whose SVIDs are accepted.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::check;
use crate::config::issuer::{Algorithm, check_audiences};
use crate::config::mistake::{Key, Mistakes};
use crate::config::{Glob, Span};
use crate::model::TrustDomain;

/// A SPIFFE trust domain. Its SVIDs are verified here, by its bundle and no other.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SpiffeIssuer {
    /// Its name, as in `spiffe://example.org/…`.
    pub trust_domain: TrustDomain,
    /// Where its keys and authorities are: `{file: …}` or `{url: …}`.
    pub bundle: BundleSource,
    /// The CA that signed the certificate of the bundle's server. Default: the system's roots.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Which kinds of SVID are accepted. Default: both.
    #[serde(default = "both")]
    pub svid: Vec<SvidKind>,
    /// Who JWT-SVIDs must be for: one of these must be in the `aud` claim. Default: none, which is enough for X.509-SVIDs alone.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// The paths of workloads that are accepted, exact or with `*` for any run of characters, slashes included. Default: all.
    #[serde(default)]
    pub paths: Vec<Glob>,
    /// The signature algorithms of JWT-SVIDs that are accepted. Default: all that the standard has, but ES512.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// By how much clocks may differ, for JWT-SVIDs. At most `10m`. Default: `1m`. X.509-SVIDs are good from and to their own times.
    #[serde(default = "super::leeway")]
    pub leeway: Span,
    /// The longest life (`exp` minus `iat`) that a JWT-SVID may have. Default: no limit.
    #[serde(default)]
    pub max_token_life: Option<Span>,
    /// How often a bundle is fetched from its URL. At least `1s`. Default: what the bundle itself says (`spiffe_refresh_hint`),
    /// else `5m`. A file is looked at every `server.reload_every`.
    #[serde(default)]
    pub refresh_every: Option<Span>,
}

/// Where the bundle of a trust domain is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BundleSource {
    /// In this file: a SPIFFE bundle (JSON), or for X.509-SVIDs alone certificates (PEM).
    File(PathBuf),
    /// At this SPIFFE bundle endpoint, of the profile `https_web`.
    Url(String),
}

/// A kind of SVID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SvidKind {
    /// A certificate, shown in the TLS handshake.
    X509,
    /// A token, sent as `Authorization: Bearer …`.
    Jwt,
}

impl std::fmt::Display for SvidKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::X509 => "x509",
            Self::Jwt => "jwt",
        })
    }
}

impl SpiffeIssuer {
    pub(super) fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        match &self.bundle {
            BundleSource::File(file) => check_bundle(file, &key.at("bundle").at("file"), mistakes),
            BundleSource::Url(url) => check::web_address(url, &key.at("bundle").at("url"), mistakes),
        }
        if let Some(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        if self.svid.is_empty() {
            mistakes.add(key.at("svid"), "no kind of SVID is accepted: name `x509`, `jwt` or both");
        }
        check::no_repeats(&self.svid, &key.at("svid"), mistakes);
        if self.svid.contains(&SvidKind::Jwt) {
            check_audiences(&self.audiences, key, mistakes);
        }
        if let Some(index) = self.algorithms.iter().position(|each| *each == Algorithm::EdDSA) {
            mistakes.add(key.at("algorithms").index(index), "JWT-SVIDs are never signed with EdDSA");
        }
        super::check_tokens(&self.algorithms, self.leeway, self.max_token_life, key, mistakes);
        for (index, path) in self.paths.iter().enumerate() {
            let text = path.to_string();
            if !text.starts_with(['/', '*']) {
                let message = format!("the paths of SPIFFE IDs begin with a slash: `/{text}`?");
                mistakes.add(key.at("paths").index(index), message);
            }
        }
        if let Some(every) = self.refresh_every {
            check::at_least(Span::secs(1), every, key.at("refresh_every"), mistakes);
        }
    }
}

/// A first look; whoever uses it looks closer.
fn check_bundle(file: &Path, key: &Key, mistakes: &mut Mistakes) {
    let name = file.display();
    let text = match std::fs::read(file) {
        Ok(text) => text,
        Err(error) => return mistakes.add(key.clone(), format!("the file {name} cannot be read: {error}")),
    };
    if text.trim_ascii_start().first() != Some(&b'{') {
        return check::authorities(file, key, mistakes);
    }
    match serde_json::from_slice::<serde_json::Value>(&text) {
        Err(error) => mistakes.add(key.clone(), format!("{name} is not JSON: {error}")),
        Ok(bundle) if bundle.get("keys").is_some_and(serde_json::Value::is_array) => {}
        Ok(_) => mistakes.add(key.clone(), format!("{name} is not a SPIFFE bundle: it has no `keys`")),
    }
}

fn both() -> Vec<SvidKind> {
    vec![SvidKind::X509, SvidKind::Jwt]
}

/// JWT-SVID standard §2.1.
fn algorithms() -> Vec<Algorithm> {
    use Algorithm::{ES256, ES384, PS256, PS384, PS512, RS256, RS384, RS512};
    vec![RS256, RS384, RS512, ES256, ES384, PS256, PS384, PS512]
}
