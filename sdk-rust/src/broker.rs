use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response};
use tokio::time::Instant;
use url::Url;

use crate::error::{Body, Problem};
use crate::{Dsn, Error, Keeper, Proof, Request, tls};

/// A broker, and who asks it. Clones are the same.
#[derive(Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) url: Url,
    pub(crate) client: Client,
    pub(crate) proof: Proof,
    pub(crate) instance: Option<String>,
    timeout: Duration,
}

/// How a broker is reached.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    url: String,
    ca: Ca,
    proof: Option<Proof>,
    instance: Option<String>,
    timeout: Duration,
}

#[derive(Clone, Debug)]
enum Ca {
    System,
    File(PathBuf),
    Pem(String),
}

impl Broker {
    /// The broker that the environment names:
    ///
    /// | Variable | |
    /// |---|---|
    /// | `DSN_BROKER_URL` | where it is: `https://broker.example.com` |
    /// | `DSN_BROKER_CA` | the file with the CA that signed its certificate; by default the system's roots are trusted |
    /// | `DSN_BROKER_TOKEN_FILE` | the file with the token that proves who asks; it is read at each call |
    /// | `DSN_BROKER_TOKEN` | the token or API key itself |
    /// | `DSN_BROKER_INSTANCE` | which of several that run alike this is, for roles that each have a credential of their own |
    pub fn from_env() -> Result<Self, Error> {
        Builder::from_env()?.build()
    }

    /// A broker at this address: `https://broker.example.com`.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            ca: Ca::System,
            proof: None,
            instance: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// The present DSN of a role.
    pub async fn dsn(&self, role: &str) -> Result<Dsn, Error> {
        self.request(role).get().await
    }

    /// The DSN of a role, which stays good for as long as the keeper lives.
    pub async fn keep(&self, role: &str) -> Result<Keeper, Error> {
        self.request(role).keep().await
    }

    /// What the broker verified about who asks: `GET /v1/whoami`.
    pub async fn whoami(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "whoami"]).await
    }

    /// What may be asked for, with formats and endpoints: `GET /v1/roles`.
    pub async fn roles(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "roles"]).await
    }

    /// The leases of who asks: `GET /v1/leases`.
    pub async fn leases(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "leases"]).await
    }

    /// Ends a lease now, for all who share it: `DELETE /v1/leases/{id}`.
    pub async fn revoke(&self, lease_id: &str) -> Result<(), Error> {
        let url = self.url(&["v1", "leases", lease_id])?;
        self.send(self.inner.client.delete(url)).await.map(drop)
    }

    /// A DSN of a role, with more to be said of it.
    pub fn request(&self, role: &str) -> Request {
        Request::new(self.clone(), role)
    }

    async fn read(&self, path: &[&str]) -> Result<serde_json::Value, Error> {
        let response = self.send(self.inner.client.get(self.url(path)?)).await?;
        response.json().await.map_err(|error| Error::Answer(error.without_url().to_string()))
    }

    pub(crate) fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.inner.url.clone();
        let no_path = |()| Error::Setup("the broker's URL cannot have a path behind it".to_owned());
        url.path_segments_mut().map_err(no_path)?.pop_if_empty().extend(path);
        Ok(url)
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, Error> {
        let (began, whole) = (Instant::now(), self.inner.timeout);
        let too_long = |_| Error::Proof(format!("it did not come within {whole:?}").into());
        let proof = tokio::time::timeout(whole, self.inner.proof.get()).await.map_err(too_long)??;
        let mut request = request
            .bearer_auth(proof.as_str())
            .header("accept", "application/json")
            .timeout(whole.saturating_sub(began.elapsed()));
        if let Some(instance) = &self.inner.instance {
            request = request.header("dsn-instance", instance);
        }
        let response = request.send().await.map_err(|error| Error::Unreachable(error.without_url()))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
        let retry_after =
            text("retry-after").and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
        let body: Result<Body, _> = response.json().await;
        Err(match body {
            Ok(body) => Error::Refused(Problem::new(status, body, text("x-request-id"), retry_after)),
            Err(_) => Error::Answer(format!("the status is {status}, and the body no problem of a broker")),
        })
    }
}

impl Builder {
    /// See [`Broker::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        // What is not there may be said in code.
        let mut builder = Broker::builder(variable("DSN_BROKER_URL").unwrap_or_default());
        if let Some(file) = variable("DSN_BROKER_CA") {
            builder = builder.ca_file(file);
        }
        builder.instance = variable("DSN_BROKER_INSTANCE");
        builder.proof = match (variable("DSN_BROKER_TOKEN_FILE"), variable("DSN_BROKER_TOKEN")) {
            (Some(file), _) => Some(Proof::file(file)),
            (None, Some(_)) => Some(Proof::environment("DSN_BROKER_TOKEN")),
            (None, None) => None,
        };
        Ok(builder)
    }

    /// Where it is: `https://broker.example.com`.
    pub fn url(self, url: impl Into<String>) -> Self {
        Self { url: url.into(), ..self }
    }

    /// Trusts this CA alone, from a file, PEM.
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        Self { ca: Ca::File(path.into()), ..self }
    }

    /// Trusts this CA alone, PEM.
    pub fn ca_pem(self, pem: impl Into<String>) -> Self {
        Self { ca: Ca::Pem(pem.into()), ..self }
    }

    /// What proves who asks.
    pub fn proof(self, proof: Proof) -> Self {
        Self { proof: Some(proof), ..self }
    }

    /// Which of several that run alike this is (`Dsn-Instance`), for roles that each have a credential of their own.
    pub fn instance(self, instance: impl Into<String>) -> Self {
        Self { instance: Some(instance.into()), ..self }
    }

    /// How long a call may take, with the proof. Default: 30 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Checks it. Nothing is asked of the broker yet.
    pub fn build(self) -> Result<Broker, Error> {
        let setup = |what: String| Error::Setup(what);
        if self.url.is_empty() {
            let what = "DSN_BROKER_URL is not set: say where the broker is, https://…";
            return Err(setup(what.to_owned()));
        }
        let url = Url::parse(&self.url).map_err(|error| setup(format!("the broker's URL: {error}")))?;
        if !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some()
        {
            let what = "the broker's URL must have no user, password, query or fragment";
            return Err(setup(what.to_owned()));
        }
        let is_loopback = match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
            let what = "the broker's URL must begin with https: secrets cross the network";
            return Err(setup(what.to_owned()));
        }
        let proof = self.proof.ok_or_else(|| {
            let what = "no proof of identity: set DSN_BROKER_TOKEN_FILE or DSN_BROKER_TOKEN";
            setup(what.to_owned())
        })?;
        let pem = match self.ca {
            Ca::System => None,
            Ca::Pem(pem) => Some(pem),
            Ca::File(path) => Some(std::fs::read_to_string(&path).map_err(|error| {
                setup(format!("the broker's CA cannot be read: {}: {error}", path.display()))
            })?),
        };
        let client = Client::builder()
            .tls_backend_preconfigured(tls::config(pem.as_deref())?)
            // The proof is for the broker alone.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("dsn-broker-sdk/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(format!("no HTTP client: {error}")))?;
        let (instance, timeout) = (self.instance, self.timeout);
        Ok(Broker { inner: Arc::new(Inner { url, client, proof, instance, timeout }) })
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { url, proof, instance, .. } = &*self.inner;
        f.debug_struct("Broker")
            .field("url", &url.as_str())
            .field("proof", proof)
            .field("instance", instance)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is not checked yet: what is not its origin may hold a password.
        let origin = Url::parse(&self.url).map(|url| url.origin().ascii_serialization());
        f.debug_struct("Builder")
            .field("url", &origin.as_deref().unwrap_or("no URL"))
            .field("ca", &self.ca)
            .field("proof", &self.proof)
            .field("instance", &self.instance)
            .field("timeout", &self.timeout)
            .finish()
    }
}
