//! Where the keys of an issuer come from.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use crate::config::JwksSource;
use crate::identity::IdentityError;
use crate::identity::jwks::key::KeySet;
use crate::identity::jwt::Settings;
use crate::identity::web::{KeySourceError, MAX_BYTES, Web, is_loopback, is_safe, safe_url, unreadable};
use crate::model::IssuerName;

/// Where to ask for keys.
pub(super) enum Source {
    Discovery { web: Web, issuer: String, document: Url },
    Url { web: Web, url: Url },
    File(PathBuf),
}

impl Source {
    pub(super) fn new(name: &IssuerName, settings: &Settings<'_>) -> Result<Self, IdentityError> {
        let web = || Web::new(name, settings.ca, settings.token_file);
        match settings.jwks {
            JwksSource::Discovery => {
                // OpenID Connect Discovery 1.0 §4.1: after removing a terminating slash.
                let issuer = settings.issuer.to_owned();
                let text = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                Ok(Self::Discovery { document: safe_url(name, &text)?, web: web()?, issuer })
            }
            JwksSource::Url(text) => Ok(Self::Url { url: safe_url(name, text)?, web: web()? }),
            JwksSource::File(path) => Ok(Self::File(path.clone())),
        }
    }

    /// The keys of a file; of another source, nothing yet.
    pub(super) fn read_now(&self) -> Result<Option<KeySet>, KeySourceError> {
        let Self::File(path) = self else { return Ok(None) };
        let text = std::fs::read(path).map_err(|source| unreadable(path, source))?;
        parse_file(path, &text).map(Some)
    }

    /// Asks for the keys.
    pub(super) async fn load(&self) -> Result<KeySet, KeySourceError> {
        match self {
            Self::Discovery { web, issuer, document } => {
                let keys = discover(web, issuer, document).await?;
                parse_answer(&keys, &web.fetch_named(&keys, document).await?)
            }
            Self::Url { web, url } => parse_answer(url, &web.fetch(url).await?),
            Self::File(path) => {
                let text = tokio::fs::read(path).await.map_err(|source| unreadable(path, source))?;
                parse_file(path, &text)
            }
        }
    }
}

/// Where the keys are, as the issuer's discovery document says.
async fn discover(web: &Web, issuer: &str, document: &Url) -> Result<Url, KeySourceError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }
    let text = web.fetch(document).await?;
    let found: Document = serde_json::from_slice(&text)
        .map_err(|source| KeySourceError::NotDiscovery { url: document.to_string(), source })?;
    if found.issuer != issuer {
        return Err(KeySourceError::OtherIssuer { url: document.to_string(), said: found.issuer });
    }
    // An issuer elsewhere must not send us to a server on this machine without TLS.
    let is_allowed = |url: &Url| url.scheme() == "https" || (is_safe(url) && is_loopback(document));
    let keys = found.jwks_uri.parse().ok().filter(is_allowed);
    keys.ok_or_else(|| KeySourceError::Insecure { url: document.to_string(), keys: found.jwks_uri })
}

fn parse_answer(url: &Url, text: &[u8]) -> Result<KeySet, KeySourceError> {
    KeySet::parse(text).map_err(|source| KeySourceError::NotAKeySet { location: url.to_string(), source })
}

fn parse_file(path: &Path, text: &[u8]) -> Result<KeySet, KeySourceError> {
    if text.len() > MAX_BYTES {
        return Err(KeySourceError::TooLarge { location: path.display().to_string() });
    }
    KeySet::parse(text)
        .map_err(|source| KeySourceError::NotAKeySet { location: path.display().to_string(), source })
}
