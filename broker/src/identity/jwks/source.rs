//! Where the keys of an issuer come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::redirect::Policy;
use serde::Deserialize;
use url::{Host, Url};

use crate::config::{JwksSource, OidcIssuer};
use crate::identity::IdentityError;
use crate::identity::jwks::key::KeySet;
use crate::model::IssuerName;
use crate::tls;

/// The largest document that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to answer in full.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where to ask for keys.
pub(super) enum Source {
    Discovery { client: reqwest::Client, issuer: String, document: Url },
    Url { client: reqwest::Client, url: Url },
    File(PathBuf),
}

/// Why keys could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// The server does not answer, or not in time.
    #[error("{url} does not answer")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server answers something else. Redirects are not followed.
    #[error("{url} answers with status {status}")]
    Refused {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The answer is too long.
    #[error("{location} is longer than {MAX_BYTES} bytes")]
    TooLarge {
        /// The URL or file.
        location: String,
    },
    /// Not a discovery document.
    #[error("{url} is not an OpenID Connect discovery document")]
    NotDiscovery {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The discovery document of another issuer (OpenID Connect Discovery 1.0 §4.3).
    #[error("{url} is the discovery document of {said:?}: `issuer` must be exactly the same")]
    OtherIssuer {
        /// What was asked for.
        url: String,
        /// Whose it is.
        said: String,
    },
    /// The discovery document points to where others could change the keys.
    #[error("{url} says that the keys are at {keys:?}, which is not https")]
    Insecure {
        /// What was asked for.
        url: String,
        /// Its `jwks_uri`.
        keys: String,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not a set of keys.
    #[error("{location} is not a JWK set")]
    NotAKeySet {
        /// The URL or file.
        location: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Source {
    pub(super) fn new(name: &IssuerName, issuer: &OidcIssuer) -> Result<Self, IdentityError> {
        match &issuer.jwks {
            JwksSource::Discovery => {
                // OpenID Connect Discovery 1.0 §4.1: after removing a terminating slash.
                let text =
                    format!("{}/.well-known/openid-configuration", issuer.issuer.trim_end_matches('/'));
                let document = safe_url(name, &text)?;
                Ok(Self::Discovery { client: client(name, issuer)?, issuer: issuer.issuer.clone(), document })
            }
            JwksSource::Url(text) => {
                Ok(Self::Url { url: safe_url(name, text)?, client: client(name, issuer)? })
            }
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
            Self::Discovery { client, issuer, document } => {
                let keys = discover(client, issuer, document).await?;
                fetch_keys(client, &keys).await
            }
            Self::Url { client, url } => fetch_keys(client, url).await,
            Self::File(path) => {
                let text = tokio::fs::read(path).await.map_err(|source| unreadable(path, source))?;
                parse_file(path, &text)
            }
        }
    }
}

fn client(name: &IssuerName, issuer: &OidcIssuer) -> Result<reqwest::Client, IdentityError> {
    let tls = tls::client_config(issuer.ca.as_deref())
        .map_err(|source| IdentityError::Tls { issuer: name.clone(), source: Box::new(source) })?;
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .build()
        .map_err(|source| IdentityError::Client { issuer: name.clone(), source })
}

fn safe_url(name: &IssuerName, text: &str) -> Result<Url, IdentityError> {
    let url: Url = text.parse().map_err(|source| IdentityError::NotAUrl {
        issuer: name.clone(),
        url: text.to_owned(),
        source,
    })?;
    if is_safe(&url) {
        Ok(url)
    } else {
        Err(IdentityError::InsecureUrl { issuer: name.clone(), url: text.to_owned() })
    }
}

/// Nobody on the way can change what is fetched: it is https, or it does not leave the machine.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where the keys are, as the issuer's discovery document says.
async fn discover(client: &reqwest::Client, issuer: &str, document: &Url) -> Result<Url, KeySourceError> {
    #[derive(Deserialize)]
    struct Document {
        issuer: String,
        jwks_uri: String,
    }
    let text = fetch(client, document).await?;
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

async fn fetch_keys(client: &reqwest::Client, url: &Url) -> Result<KeySet, KeySourceError> {
    let text = fetch(client, url).await?;
    KeySet::parse(&text).map_err(|source| KeySourceError::NotAKeySet { location: url.to_string(), source })
}

async fn fetch(client: &reqwest::Client, url: &Url) -> Result<Vec<u8>, KeySourceError> {
    let unreachable = |source: reqwest::Error| KeySourceError::Unreachable {
        url: url.to_string(),
        source: source.without_url(),
    };
    let mut answer = client.get(url.clone()).send().await.map_err(unreachable)?;
    let status = answer.status();
    if status != reqwest::StatusCode::OK {
        return Err(KeySourceError::Refused { url: url.to_string(), status: status.as_u16() });
    }
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if text.len() + chunk.len() > MAX_BYTES {
            return Err(KeySourceError::TooLarge { location: url.to_string() });
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

fn parse_file(path: &Path, text: &[u8]) -> Result<KeySet, KeySourceError> {
    if text.len() > MAX_BYTES {
        return Err(KeySourceError::TooLarge { location: path.display().to_string() });
    }
    KeySet::parse(text)
        .map_err(|source| KeySourceError::NotAKeySet { location: path.display().to_string(), source })
}

fn unreadable(path: &Path, source: std::io::Error) -> KeySourceError {
    KeySourceError::Unreadable { path: path.to_owned(), source }
}
