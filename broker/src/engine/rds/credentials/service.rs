//! One request to a service that gives out credentials, bounded in time and size.

use std::time::Duration;

use chrono::DateTime;
use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, RequestBuilder, StatusCode};

use crate::engine::rds::credentials::Failure;
use crate::secret::Secret;
use crate::time::Timestamp;

/// What all clients have in common. Redirects are not followed: who is asked is configured.
pub(super) fn client() -> ClientBuilder {
    reqwest::Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT).timeout(TIMEOUT)
}

/// Status and body.
pub(super) async fn send(who: &str, request: RequestBuilder) -> Result<(StatusCode, Secret), Failure> {
    let unavailable = |error: reqwest::Error| {
        let error = error.without_url();
        let cause = std::error::Error::source(&error).map_or(String::new(), |cause| format!(": {cause}"));
        Failure::Unavailable(format!("{who} does not answer: {error}{cause}"))
    };
    let mut answer = request.send().await.map_err(unavailable)?;
    let status = answer.status();
    // Secrets are in it: all room at once, so that it leaves no copies of itself behind.
    let mut body = zeroize::Zeroizing::new(Vec::with_capacity(MAX_BYTES));
    while let Some(chunk) = answer.chunk().await.map_err(unavailable)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(Failure::Unavailable(format!("{who} answers with more than {MAX_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, Secret::new(String::from_utf8_lossy(&body))))
}

/// What is made of an answer that is not a good one; `said` is without secrets.
pub(super) fn refusal(who: &str, status: StatusCode, said: &str) -> Failure {
    let said: String = said.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let colon = if said.is_empty() { "" } else { ": " };
    let text = format!("{who} answers with status {}{colon}{said}", status.as_u16());
    let later = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if later { Failure::Unavailable(text) } else { Failure::Refused(text) }
}

/// `2026-01-02T03:04:05Z`
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|moment| moment.to_utc())
}

/// How long a service may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long it may take to answer in full.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How much of what a service says is passed on.
const LONGEST: usize = 300;
