//! A provider's REST API: one client for each database.
//!
//! What callers rely on: an answer that did not come, or came from something in between, is
//! [`ApiError::Unavailable`], and what was asked may have been done; everything else is certain. No error holds a
//! secret. Redirects are not followed: a token would go with them. The provider's limit is kept to before it has
//! to say so.

mod failure;
mod pace;

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

pub(super) use failure::{ApiError, scrubbed};

use crate::config;
use crate::engine::BuildError;
use crate::engine::api::pace::Pace;
use crate::secret::Secret;
use crate::tls;

/// A client for the API of one provider, with the authorization of one database's configuration.
pub(super) struct ApiClient {
    http: reqwest::Client,
    base: Url,
    pace: Pace,
    timeout: Duration,
}

/// What is particular to a provider's API.
pub(super) struct Provider {
    /// Where it is, unless the configuration says otherwise.
    pub(super) url: &'static str,
    /// How many requests a minute it allows.
    pub(super) requests_per_minute: u32,
}

/// A request; its path is relative to where the API is.
pub(super) struct Request<'a> {
    method: Method,
    path: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<Vec<u8>>,
}

impl<'a> Request<'a> {
    /// Without a query and a body. Each part of the path is encoded.
    pub(super) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, query: &[], body: None }
    }

    /// … with a query.
    pub(super) fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }

    /// … with a body.
    pub(super) fn json(self, body: &impl Serialize) -> Self {
        // What cannot be written as JSON is a defect; the provider then says what is missing.
        Self { body: Some(serde_json::to_vec(body).unwrap_or_default()), ..self }
    }
}

impl ApiClient {
    /// Connects to nothing yet. `authorization` is the value of that header. `timeout` is for one request.
    pub(super) fn new(
        provider: &Provider,
        api: &config::Api,
        authorization: &Secret,
        timeout: Duration,
    ) -> Result<Self, BuildError> {
        let text = api.url.as_deref().unwrap_or(provider.url);
        let wrong = |reason: String| BuildError::Api { url: text.to_owned(), reason };
        let base: Url = text.parse().map_err(|error: url::ParseError| wrong(error.to_string()))?;
        if base.cannot_be_a_base() {
            return Err(wrong("it has no path".to_owned()));
        }
        let mut authorization = HeaderValue::from_str(authorization.expose())
            .map_err(|_| wrong("the token holds what cannot stand in a header".to_owned()))?;
        authorization.set_sensitive(true);
        let headers = HeaderMap::from_iter([
            (AUTHORIZATION, authorization),
            (ACCEPT, HeaderValue::from_static("application/json")),
            (USER_AGENT, HeaderValue::from_static("dsn-broker")),
        ]);
        let tls = tls::client_config(api.ca.file()).map_err(|error| wrong(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .default_headers(headers)
            .connect_timeout(timeout)
            .timeout(timeout)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let pace = Pace::new(api.requests_per_minute.unwrap_or(provider.requests_per_minute));
        Ok(Self { http, base, pace, timeout })
    }

    /// Asks, and reads the answer: unknown members of it are ignored.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request<'_>) -> Result<T, ApiError> {
        let what = self.describe(&request);
        let body = self.send(request).await?;
        serde_json::from_slice(&body).map_err(|error| ApiError::Unavailable {
            // The words of the error may repeat what was found, and that may be the secret.
            detail: format!("{what}: the answer is not what it should be, from column {} on", error.column()),
        })
    }

    /// Asks for something to be done; what the answer says beyond its status does not matter.
    pub(super) async fn tell(&self, request: Request<'_>) -> Result<(), ApiError> {
        self.send(request).await.map(drop)
    }

    /// The host of the API, for messages.
    pub(super) fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }

    async fn send(&self, request: Request<'_>) -> Result<Zeroizing<Vec<u8>>, ApiError> {
        let what = self.describe(&request);
        self.pace.take_turn(self.timeout).await.map_err(|retry_after| ApiError::Busy {
            detail: format!("{what}: not asked, because the provider's limit of requests is reached"),
            retry_after,
        })?;
        let mut building = self.http.request(request.method.clone(), self.url(&request));
        building = match request.body {
            Some(body) => building.header(CONTENT_TYPE, "application/json").body(body),
            // Some servers want to hear of a length where they expect a body.
            None if request.method == Method::POST => {
                building.header(CONTENT_TYPE, "application/json").body("{}")
            }
            None => building,
        };
        let response = building.send().await.map_err(|error| failure::unanswered(&what, &error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read(response, &what).await?;
        if status.is_success() {
            return Ok(body);
        }
        let error = failure::refusal(&what, status, &headers, &body);
        if let (StatusCode::TOO_MANY_REQUESTS, ApiError::Busy { retry_after, .. }) = (status, &error) {
            self.pace.hold(*retry_after);
        }
        Err(error)
    }

    fn url(&self, request: &Request<'_>) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(request.path);
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(request.query);
        }
        url
    }

    /// `POST api.example.com/v1/things`: no query, no body.
    fn describe(&self, request: &Request<'_>) -> String {
        let url = self.url(request);
        format!("{} {}{}", request.method, self.host(), url.path())
    }
}

/// The body, up to a limit: only servers that mean harm answer more.
async fn read(mut response: Response, what: &str) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::unanswered(what, &error))? {
        if body.len() + chunk.len() > LARGEST {
            return Err(ApiError::Unavailable {
                detail: format!("{what}: the answer is larger than {LARGEST} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

const LARGEST: usize = 4 * 1024 * 1024;
