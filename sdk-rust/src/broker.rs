use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use url::Url;

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
}

/// How a broker is reached.
#[derive(Clone, Debug)]
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

    /// A DSN of a role, with more to be said of it.
    pub fn request(&self, role: &str) -> Request {
        Request::new(self.clone(), role)
    }
}

impl Builder {
    /// See [`Broker::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = variable("DSN_BROKER_URL").ok_or_else(|| {
            Error::Setup("DSN_BROKER_URL is not set: say where the broker is, https://…".to_owned())
        })?;
        let mut builder = Broker::builder(url);
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

    /// How long a call may take. Default: 30 s.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Checks it. Nothing is asked of the broker yet.
    pub fn build(self) -> Result<Broker, Error> {
        let setup = |what: String| Error::Setup(what);
        let url = Url::parse(&self.url).map_err(|error| setup(format!("the broker's URL: {error}")))?;
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
            .timeout(self.timeout)
            // The proof is for the broker alone.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("dsn-broker-sdk/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| setup(format!("no HTTP client: {error}")))?;
        Ok(Broker { inner: Arc::new(Inner { url, client, proof, instance: self.instance }) })
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
