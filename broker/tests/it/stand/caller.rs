//! Someone who calls the broker.

use std::path::Path;

use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

use super::{Stand, record};

/// Someone who calls the broker with one proof of identity.
#[derive(Clone)]
pub struct Caller<'a> {
    stand: &'a Stand,
    proof: String,
}

/// What the broker answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl<'a> Caller<'a> {
    pub(super) fn new(stand: &'a Stand, proof: String) -> Self {
        record::secret(&proof);
        Self { stand, proof }
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.stand.client.request(method, format!("{}{path}", self.stand.url)).bearer_auth(&self.proof)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, path: &str, media_type: &str) -> Answer {
        Answer::of(self.request(Method::GET, path).header("accept", media_type)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::DELETE, path)).await
    }

    /// The DSN of a role, as JSON; with the world's CA named as `ca_file`.
    pub async fn dsn(&self, role: &str) -> Value {
        self.get(&self.dsn_path(role)).await.ok()
    }

    pub fn dsn_path(&self, role: &str) -> String {
        format!("/v1/dsn/{role}?ca_file={}", self.stand.settings.ca_path.display())
    }
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        Self::read(response).await.unwrap()
    }

    pub(super) async fn read(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await?;
        record::answer(status.as_u16(), &headers, &text);
        Ok(Self { status, headers, text })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        self.json()
    }

    /// All of it but what differs from one request to the next.
    pub fn shape(&self) -> (StatusCode, Vec<(String, String)>, String) {
        let headers =
            self.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
        let mut headers: Vec<_> =
            headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        headers.sort();
        (self.status, headers, self.text.clone())
    }

    /// The name of the kind of a problem.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status.as_u16());
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}

/// A client that trusts the world's CA alone.
pub fn client(ca: &Path) -> reqwest::Client {
    let config = dsn_broker::tls::client_config(Some(ca)).unwrap();
    reqwest::Client::builder().tls_backend_preconfigured(config).build().unwrap()
}
