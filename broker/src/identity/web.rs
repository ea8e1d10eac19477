//! How an issuer's servers are asked: for keys, for bundles, about tokens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::AUTHORIZATION;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, StatusCode};
use url::{Host, Url};

use crate::identity::IdentityError;
use crate::model::IssuerName;
use crate::secret::Secret;
use crate::tls;

/// The largest document that is read, in bytes.
pub(super) const MAX_BYTES: usize = 256 * 1024;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long it may take to answer in full.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an issuer's keys could not be had, or its server did not say what it was asked.
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
    /// Not the bundle of a trust domain.
    #[error("{location} is not a SPIFFE bundle: {why}")]
    NotABundle {
        /// The URL or file.
        location: String,
        /// What is wrong with it.
        why: String,
    },
    /// The API server does not let the broker ask about tokens.
    #[error(
        "{url} does not let the broker review tokens (status {status}): bind its service account to the ClusterRole `system:auth-delegator`"
    )]
    MayNotReview {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// Not the answer to a TokenReview.
    #[error("{url} does not answer with a TokenReview")]
    NotAReview {
        /// What was asked.
        url: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// A client of an issuer's servers. Redirects are not followed.
pub(super) struct Web {
    client: reqwest::Client,
    /// The broker's own token there.
    token_file: Option<PathBuf>,
}

impl Web {
    /// Connects to nobody yet.
    pub(super) fn new(
        name: &IssuerName,
        ca: Option<&Path>,
        token_file: Option<&Path>,
    ) -> Result<Self, IdentityError> {
        let tls = tls::client_config(ca)
            .map_err(|source| IdentityError::Tls { issuer: name.clone(), source: Box::new(source) })?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .map_err(|source| IdentityError::Client { issuer: name.clone(), source })?;
        Ok(Self { client, token_file: token_file.map(Path::to_owned) })
    }

    /// The document at a URL that was configured. The broker's own token goes along, if there is one.
    pub(super) async fn fetch(&self, url: &Url) -> Result<Vec<u8>, KeySourceError> {
        self.answer(self.with_token(self.client.get(url.clone())).await?, url).await
    }

    /// The document at a URL that another one named: our token is not for whom that may be, but for `origin`.
    pub(super) async fn fetch_named(&self, url: &Url, origin: &Url) -> Result<Vec<u8>, KeySourceError> {
        if url.origin() == origin.origin() {
            self.fetch(url).await
        } else {
            self.answer(self.client.get(url.clone()), url).await
        }
    }

    /// The answer to a question in JSON.
    pub(super) async fn post(
        &self,
        url: &Url,
        question: &serde_json::Value,
    ) -> Result<Vec<u8>, KeySourceError> {
        self.answer(self.with_token(self.client.post(url.clone()).json(question)).await?, url).await
    }

    /// Read each time: Kubernetes replaces it before it expires.
    async fn with_token(&self, request: RequestBuilder) -> Result<RequestBuilder, KeySourceError> {
        let Some(path) = &self.token_file else { return Ok(request) };
        let token = tokio::fs::read_to_string(path)
            .await
            .map(Secret::new)
            .map_err(|source| unreadable(path, source))?;
        let header = Secret::new(format!("Bearer {}", token.expose().trim()));
        let Ok(mut header) = reqwest::header::HeaderValue::from_str(header.expose()) else {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, "it does not hold a token");
            return Err(unreadable(path, source));
        };
        header.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, header))
    }

    async fn answer(&self, request: RequestBuilder, url: &Url) -> Result<Vec<u8>, KeySourceError> {
        let unreachable = |source: reqwest::Error| KeySourceError::Unreachable {
            url: url.to_string(),
            source: source.without_url(),
        };
        let mut answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        // A TokenReview is created.
        if !matches!(status, StatusCode::OK | StatusCode::CREATED) {
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
}

/// The URL, if nobody on the way can change what is fetched from there.
pub(super) fn safe_url(name: &IssuerName, text: &str) -> Result<Url, IdentityError> {
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
pub(super) fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> KeySourceError {
    KeySourceError::Unreadable { path: path.to_owned(), source }
}
