//! What is asked of the API server over HTTPS, in JSON.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WARNING};
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::Kubernetes;
use crate::tls;

/// The administrator, asking.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    ca_pem: String,
    token: String,
}

/// Asks whether it is ready, from where it may block.
pub(super) struct Probe {
    runtime: Runtime,
    http: reqwest::Client,
    url: Url,
}

impl Client {
    pub(super) fn new(ca_pem: &str, token: &str) -> anyhow::Result<Self> {
        // A connection ends with the runtime on which it was made, and tests have one each.
        let http = http(ca_pem, token, 0)?;
        Ok(Self { http, ca_pem: ca_pem.to_owned(), token: token.to_owned() })
    }

    pub(super) fn probe(&self, url: &str) -> anyhow::Result<Probe> {
        Ok(Probe {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            http: http(&self.ca_pem, &self.token, 1)?,
            url: format!("{url}/readyz").parse()?,
        })
    }
}

impl Probe {
    pub(super) fn is_ready(&self) -> bool {
        let answer = self.http.get(self.url.clone()).send();
        self.runtime.block_on(answer).is_ok_and(|answer| answer.status().is_success())
    }
}

/// What the API server has answered to what it takes.
pub(super) struct Taken {
    pub(super) body: Value,
    /// What it has to say against it all the same.
    pub(super) warnings: Vec<String>,
}

impl Kubernetes {
    /// Asks as the administrator, for a path such as `/api/v1/namespaces`. An error says what the API server says.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let body = body.map(|body| (JSON, body.to_string()));
        Ok(self.send(method, path, body).await?.body)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, String)>,
    ) -> anyhow::Result<Taken> {
        let what = format!("{method} {path}");
        let mut request = self.kind().client.http.request(method, format!("{}{path}", self.url()));
        if let Some((content_type, body)) = body {
            request = request.header(CONTENT_TYPE, content_type).body(body);
        }
        let answer = request.send().await.with_context(|| what.clone())?;
        let (status, warnings) = (answer.status(), warnings(answer.headers()));
        let text = answer.text().await.with_context(|| what.clone())?;
        let body: Value = serde_json::from_str(&text).with_context(|| format!("{what}: {status}: {text}"))?;
        if !status.is_success() {
            let message = body.get("message").and_then(Value::as_str).unwrap_or(&text);
            bail!("{what}: {status}: {message}");
        }
        Ok(Taken { body, warnings })
    }
}

fn http(ca_pem: &str, token: &str, idle: usize) -> anyhow::Result<reqwest::Client> {
    let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    bearer.set_sensitive(true);
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client(ca_pem)?)
        .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
        .pool_max_idle_per_host(idle)
        .timeout(PATIENCE)
        .build()?)
}

/// Each is `299 - "text"`.
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(WARNING).into_iter().filter_map(|value| value.to_str().ok());
    texts.map(|text| text.trim_start_matches("299 - ").trim_matches('"').to_owned()).collect()
}

const JSON: &str = "application/json";
pub(super) const YAML: &str = "application/yaml";

/// An API server asks webhooks, each of which may take ten seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
