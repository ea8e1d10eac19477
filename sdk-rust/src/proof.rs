use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::Error;

type Source =
    dyn Fn() -> BoxFuture<'static, Result<String, Box<dyn std::error::Error + Send + Sync>>> + Send + Sync;

/// Where the proof of identity comes from: a token or an API key. It is asked for at each call, so that one that was
/// renewed is found.
#[derive(Clone)]
pub struct Proof(Kind);

#[derive(Clone)]
enum Kind {
    Text(Arc<Zeroizing<String>>),
    File(PathBuf),
    Environment(String),
    Source(Arc<Source>),
}

impl Proof {
    /// This text.
    pub fn text(text: impl Into<String>) -> Self {
        Self(Kind::Text(Arc::new(Zeroizing::new(text.into()))))
    }

    /// What is in this file whenever it is needed: Kubernetes and others renew tokens in place.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// What is in this environment variable.
    pub fn environment(variable: impl Into<String>) -> Self {
        Self(Kind::Environment(variable.into()))
    }

    /// What this says: a CI system's endpoint for tokens, or a SPIFFE agent.
    ///
    /// ```
    /// use dsn_broker_sdk::Proof;
    ///
    /// let proof = Proof::from_fn(async || tokio::fs::read_to_string("/run/token").await);
    /// # drop(proof);
    /// ```
    pub fn from_fn<F, E>(source: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let source = move || -> BoxFuture<'static, _> {
            let proof = source();
            Box::pin(async move { proof.await.map_err(Into::into) })
        };
        Self(Kind::Source(Arc::new(source)))
    }

    pub(crate) async fn get(&self) -> Result<Zeroizing<String>, Error> {
        let text = match &self.0 {
            Kind::Text(text) => text.to_string(),
            Kind::File(path) => tokio::fs::read_to_string(path)
                .await
                .map_err(|error| Error::Proof(format!("{}: {error}", path.display()).into()))?,
            Kind::Environment(variable) => std::env::var(variable).map_err(|_| {
                Error::Proof(format!("the environment variable {variable} is not set").into())
            })?,
            Kind::Source(source) => source().await.map_err(Error::Proof)?,
        };
        let text = Zeroizing::new(text);
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.contains(|letter: char| !letter.is_ascii_graphic()) {
            return Err(Error::Proof(format!("{self:?} has no token or API key in it").into()));
        }
        Ok(Zeroizing::new(trimmed.to_owned()))
    }
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Text(_) => f.write_str("a text"),
            Kind::File(path) => write!(f, "the file {}", path.display()),
            Kind::Environment(variable) => write!(f, "the environment variable {variable}"),
            Kind::Source(_) => f.write_str("a function"),
        }
    }
}
