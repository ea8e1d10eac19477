use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use tokio::time::Instant;
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Body, Problem};
use crate::tls::{Ca, Clients, Identity};
use crate::{Dsn, Error, Keeper, Proof, Request};

/// A broker, and who asks it. Clones are the same.
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use dsn_broker_sdk::Broker;
/// let broker = Broker::from_env()?;
/// let who = broker.whoami().await?;
/// assert_eq!(who["subject"], "app-example");
/// let roles = broker.roles().await?;
/// assert!(roles.to_string().contains("orders-reader"));
/// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
/// ```
#[derive(Clone)]
pub struct Broker {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    url: Url,
    clients: Clients,
    proof: Option<Proof>,
    instance: Option<String>,
    timeout: Duration,
}

/// How a broker is reached: see [`Broker::builder`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    url: String,
    ca: Ca,
    identity: Option<Identity>,
    proof: Option<Proof>,
    instance: Option<String>,
    timeout: Duration,
}

impl Broker {
    /// The broker that the environment names:
    ///
    /// | Variable | |
    /// |---|---|
    /// | `DSN_BROKER_URL` | where it is: `https://broker.example.com` |
    /// | `DSN_BROKER_CA` | the file with the CA that signed its certificate; by default the system's roots are trusted |
    /// | `DSN_BROKER_CA_PEM` | that CA itself |
    /// | `DSN_BROKER_TOKEN_FILE` | the file with the token that proves who asks |
    /// | `DSN_BROKER_TOKEN` | the token or API key itself |
    /// | `DSN_BROKER_CERT` and `DSN_BROKER_KEY` | the files of a client certificate that proves who asks, and of its key; then no token is needed |
    /// | `DSN_BROKER_INSTANCE` | which of several that run alike this is, for roles that each have a credential of their own |
    ///
    /// The files are looked at with each call, so that what is renewed in place is found.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`], if something is missing, contradicts itself or cannot be read.
    pub fn from_env() -> Result<Self, Error> {
        Builder::from_env()?.build()
    }

    /// A broker at this address: `https://broker.example.com`.
    ///
    /// ```
    /// use dsn_broker_sdk::{Broker, Proof};
    ///
    /// let token = Proof::file("/var/run/secrets/dsn-broker/token");
    /// let broker = Broker::builder("https://broker.example.com").proof(token).build()?;
    /// # Ok::<_, dsn_broker_sdk::Error>(())
    /// ```
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder {
            url: url.into(),
            ca: Ca::System,
            identity: None,
            proof: None,
            instance: None,
            timeout: Duration::from_secs(30),
        }
    }

    /// The present DSN of a role, with one request.
    ///
    /// # Errors
    ///
    /// As [`Request::get`].
    pub async fn dsn(&self, role: &str) -> Result<Dsn, Error> {
        self.request(role).get().await
    }

    /// The DSN of a role, which stays good for as long as the keeper lives.
    ///
    /// # Errors
    ///
    /// As [`Request::keep`].
    pub async fn keep(&self, role: &str) -> Result<Keeper, Error> {
        self.request(role).keep().await
    }

    /// What the broker verified about who asks: `GET /v1/whoami`.
    ///
    /// # Errors
    ///
    /// If the broker cannot be asked, does not answer or refuses.
    pub async fn whoami(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "whoami"]).await
    }

    /// What may be asked for, with formats and endpoints: `GET /v1/roles`.
    ///
    /// # Errors
    ///
    /// If the broker cannot be asked, does not answer or refuses.
    pub async fn roles(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "roles"]).await
    }

    /// The leases of who asks: `GET /v1/leases`.
    ///
    /// # Errors
    ///
    /// If the broker cannot be asked, does not answer or refuses.
    pub async fn leases(&self) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "leases"]).await
    }

    pub(crate) async fn lease(&self, lease_id: &str) -> Result<serde_json::Value, Error> {
        self.read(&["v1", "leases", lease_id]).await
    }

    /// Ends a lease now, for all who share it: `DELETE /v1/leases/{id}`.
    ///
    /// ```
    /// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
    /// # use dsn_broker_sdk::Broker;
    /// let broker = Broker::from_env()?;
    /// let own = broker.request("orders-reader").fresh().get().await?;
    /// broker.revoke(own.lease_id()).await?;
    /// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the broker cannot be asked, does not answer or refuses: `lease-not-found` is the kind where there is none.
    pub async fn revoke(&self, lease_id: &str) -> Result<(), Error> {
        self.send(Method::DELETE, &["v1", "leases", lease_id], |request| request).await.map(drop)
    }

    /// A DSN of a role, with more to be said of it: see [`Request`].
    pub fn request(&self, role: &str) -> Request {
        Request::new(self.clone(), role)
    }

    async fn read(&self, path: &[&str]) -> Result<serde_json::Value, Error> {
        let response = self.send(Method::GET, path, |request| request).await?;
        response.json().await.map_err(|error| Error::Answer(error.without_url().to_string()))
    }

    fn url(&self, path: &[&str]) -> Result<Url, Error> {
        let mut url = self.inner.url.clone();
        let no_path = |()| Error::Setup("the broker's URL cannot have a path behind it".to_owned());
        url.path_segments_mut().map_err(no_path)?.pop_if_empty().extend(path);
        Ok(url)
    }

    /// The answer to a request, to which `more` adds what it says besides.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &[&str],
        more: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Error> {
        let (began, whole, url) = (Instant::now(), self.inner.timeout, self.url(path)?);
        let too_long = |_| Error::Proof(format!("it did not come within {whole:?}").into());
        let prepared = async { Ok::<_, Error>((self.inner.clients.current().await, self.proof().await?)) };
        let ((client, trouble), proof) = tokio::time::timeout(whole, prepared).await.map_err(too_long)??;
        let left = whole.saturating_sub(began.elapsed());
        let request = more(client.request(method, url)).timeout(left);
        self.answer(request, proof).await.map_err(|error| match (trouble, &error) {
            // What is used instead may have been refused for that.
            (Some(trouble), Error::Unreachable(_)) => Error::Renewal(trouble),
            (Some(trouble), Error::Refused(problem)) if problem.status == 401 => Error::Renewal(trouble),
            _ => error,
        })
    }

    async fn proof(&self) -> Result<Option<Zeroizing<String>>, Error> {
        match &self.inner.proof {
            Some(proof) => proof.get().await.map(Some),
            None => Ok(None),
        }
    }

    async fn answer(
        &self,
        mut request: RequestBuilder,
        proof: Option<Zeroizing<String>>,
    ) -> Result<Response, Error> {
        request = request.header("accept", "application/json");
        if let Some(proof) = proof {
            request = request.bearer_auth(proof.as_str());
        }
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
    /// What the environment says, to be added to: see [`Broker::from_env`].
    ///
    /// # Errors
    ///
    /// [`Error::Setup`], if variables contradict each other, or one of two is missing.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let mut wrong = Vec::new();
        // What is not there may be said in code.
        let mut builder = Broker::builder(variable("DSN_BROKER_URL").unwrap_or_default());
        builder.ca = match (variable("DSN_BROKER_CA"), variable("DSN_BROKER_CA_PEM")) {
            (None, None) => Ca::System,
            (Some(file), None) => Ca::File(file.into()),
            (None, Some(pem)) => Ca::Pem(pem),
            (Some(_), Some(_)) => {
                wrong.push("DSN_BROKER_CA and DSN_BROKER_CA_PEM are both set: leave one of them out");
                Ca::System
            }
        };
        builder.identity = match (variable("DSN_BROKER_CERT"), variable("DSN_BROKER_KEY")) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.into(), key: key.into() })
            }
            _ => {
                wrong.push("of DSN_BROKER_CERT and DSN_BROKER_KEY only one is set: set both, or none");
                None
            }
        };
        builder.instance = variable("DSN_BROKER_INSTANCE");
        builder.proof = match (variable("DSN_BROKER_TOKEN_FILE"), variable("DSN_BROKER_TOKEN")) {
            (Some(file), _) => Some(Proof::file(file)),
            (None, Some(_)) => Some(Proof::environment("DSN_BROKER_TOKEN")),
            (None, None) => None,
        };
        if wrong.is_empty() { Ok(builder) } else { Err(Error::Setup(wrong.join("; "))) }
    }

    /// Where it is: `https://broker.example.com`.
    pub fn url(self, url: impl Into<String>) -> Self {
        Self { url: url.into(), ..self }
    }

    /// Trusts this CA alone, from a file, PEM. It is looked at with each call: for a change, let both be in it for a while.
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        Self { ca: Ca::File(path.into()), ..self }
    }

    /// Trusts this CA alone, PEM.
    pub fn ca_pem(self, pem: impl Into<String>) -> Self {
        Self { ca: Ca::Pem(pem.into()), ..self }
    }

    /// Proves who asks with a certificate, from files with its chain and its key, PEM: an X.509-SVID, say.
    ///
    /// The files are looked at with each call, so that what is renewed in place is found, and used as soon as certificate
    /// and key belong together. No [`Builder::proof`] is needed then.
    ///
    /// ```no_run
    /// use dsn_broker_sdk::Broker;
    ///
    /// let broker = Broker::builder("https://broker.example.com")
    ///     .client_certificate("/run/spiffe/svid.pem", "/run/spiffe/svid_key.pem")
    ///     .build()?;
    /// # Ok::<_, dsn_broker_sdk::Error>(())
    /// ```
    pub fn client_certificate(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { identity: Some(Identity { certificate: certificate.into(), key: key.into() }), ..self }
    }

    /// What proves who asks: a token or an API key.
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

    /// Checks it, and reads the files. Nothing is asked of the broker yet.
    ///
    /// # Errors
    ///
    /// [`Error::Setup`], if the URL is none of a broker, nothing proves who asks, or a file cannot be used.
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
        if self.proof.is_none() && self.identity.is_none() {
            let what = "no proof of identity: set DSN_BROKER_TOKEN_FILE, DSN_BROKER_TOKEN, or DSN_BROKER_CERT and \
                DSN_BROKER_KEY";
            return Err(setup(what.to_owned()));
        }
        if self.identity.is_some() && url.scheme() != "https" {
            let what =
                "a client certificate proves nothing without TLS: the broker's URL must begin with https";
            return Err(setup(what.to_owned()));
        }
        let clients = Clients::new(self.ca, self.identity).map_err(setup)?;
        let (proof, instance, timeout) = (self.proof, self.instance, self.timeout);
        Ok(Broker { inner: Arc::new(Inner { url, clients, proof, instance, timeout }) })
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { url, clients, proof, instance, .. } = &*self.inner;
        f.debug_struct("Broker")
            .field("url", &url.as_str())
            .field("identity", &clients.identity())
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
            .field("identity", &self.identity)
            .field("proof", &self.proof)
            .field("instance", &self.instance)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests;
