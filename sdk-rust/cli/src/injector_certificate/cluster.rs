//! The API of the cluster that this runs in, as far as it is needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

pub(crate) struct Cluster {
    url: String,
    token: PathBuf,
    client: Client,
}

/// Whether a change is made, or another was faster.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Written {
    Yes,
    Conflict,
}

impl Cluster {
    /// The one that this runs in, with the service account of this folder.
    pub(crate) fn from_env(account: &Path) -> anyhow::Result<Self> {
        let variable = |name: &str| {
            let value = std::env::var(name).ok().filter(|value| !value.is_empty());
            value.with_context(|| format!("{name} is not set: this runs in a pod of the cluster"))
        };
        let (host, port) = (variable("KUBERNETES_SERVICE_HOST")?, variable("KUBERNETES_SERVICE_PORT")?);
        let url = if host.contains(':') {
            format!("https://[{host}]:{port}")
        } else {
            format!("https://{host}:{port}")
        };
        let mut roots = RootCertStore::empty();
        let ca = account.join("ca.crt");
        for root in
            CertificateDer::pem_file_iter(&ca).with_context(|| format!("{} cannot be read", ca.display()))?
        {
            roots.add(root.with_context(|| format!("{} is not PEM", ca.display()))?)?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .user_agent(concat!("dsn-injector-certificate/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { url, token: account.join("token"), client })
    }

    /// An object, if it is there.
    pub(crate) async fn read(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let response = self.send("read", path, self.client.get(self.url(path))).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        Ok(Some(refused("read", path, response).await?.json().await?))
    }

    /// Puts a new object into this collection, if it is not there yet.
    pub(crate) async fn create(&self, path: &str, object: &Value) -> anyhow::Result<Written> {
        written(
            "create",
            path,
            self.send("create", path, self.client.post(self.url(path)).json(object)).await?,
        )
        .await
    }

    /// Puts an object in its place, if nobody has changed it since it was read.
    pub(crate) async fn replace(&self, path: &str, object: &Value) -> anyhow::Result<Written> {
        written(
            "update",
            path,
            self.send("update", path, self.client.put(self.url(path)).json(object)).await?,
        )
        .await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn send(&self, verb: &str, path: &str, request: RequestBuilder) -> anyhow::Result<Response> {
        let token = std::fs::read_to_string(&self.token);
        let token = token.with_context(|| format!("{} cannot be read", self.token.display()))?;
        let sent = request.bearer_auth(token.trim()).send().await;
        sent.map_err(reqwest::Error::without_url).with_context(|| format!("cannot {verb} {path}"))
    }
}

async fn written(verb: &str, path: &str, response: Response) -> anyhow::Result<Written> {
    // One that was read and is gone now, or was not there and is now, is another's doing, too.
    if response.status() == StatusCode::CONFLICT
        || verb == "update" && response.status() == StatusCode::NOT_FOUND
    {
        return Ok(Written::Conflict);
    }
    refused(verb, path, response).await.map(|_| Written::Yes)
}

/// The answer, or why there is none.
async fn refused(verb: &str, path: &str, response: Response) -> anyhow::Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body: Value = response.json().await.unwrap_or_default();
    let message =
        body.get("message").and_then(Value::as_str).unwrap_or("the answer says nothing more").to_owned();
    if status == StatusCode::FORBIDDEN {
        bail!("cannot {verb} {path}: {message}: give the service account a role with this verb");
    }
    bail!("cannot {verb} {path}: {status}: {message}")
}
