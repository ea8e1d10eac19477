use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

/// Why there is no DSN. No secret is in it.
///
/// ```
/// # fn main() -> std::process::ExitCode { devstack::Scene::play(async {
/// # use dsn_broker_sdk::Broker;
/// let error = Broker::from_env()?.dsn("orders-unknown").await.unwrap_err();
/// // One answer for what is not there and what is not granted.
/// assert_eq!(error.kind(), Some("forbidden"));
/// assert!(!error.is_transient() && error.retry_after().is_none());
/// # Ok::<_, dsn_broker_sdk::Error>(()) }) }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The client is not set up right.
    #[error("{0}")]
    Setup(String),
    /// The proof of identity cannot be had.
    #[error("the proof of identity cannot be had: {0}")]
    Proof(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file of the client was renewed and cannot be used, and what was in it before does not do any more.
    #[error("what was renewed cannot be used, and what was there before does not do: {0}")]
    Renewal(String),
    /// The broker does not answer.
    #[error("the broker does not answer: {}", causes(.0))]
    Unreachable(#[source] reqwest::Error),
    /// The broker refused.
    #[error("the broker refused: {0}")]
    Refused(Problem),
    /// What answered is no broker, or one that this client does not understand.
    #[error("the answer is not a broker's: {0}")]
    Answer(String),
    /// The last DSN has ended, and no other could be had.
    #[error("the DSN of role `{role}` ended at {ended}{}", because(.last.as_deref()))]
    Expired {
        /// The role.
        role: String,
        /// When.
        ended: DateTime<Utc>,
        /// What came of the last attempt to get another.
        last: Option<Arc<Error>>,
    },
    /// The keeper has ended, told to by one of its clones or with the runtime: nobody asks for another.
    #[error("the keeper has ended, and nobody asks")]
    Ended,
}

/// A refusal of the broker, as RFC 9457 has it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Problem {
    /// Its kind, one of a closed list: `forbidden`, `unauthenticated`, `engine-unavailable`, …
    pub kind: String,
    /// The status of the answer.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// What was wrong with what was asked, where that is the reason.
    pub detail: Option<String>,
    /// Which part of what was asked that is.
    pub field: Option<String>,
    /// By what the broker's log knows the request.
    pub request_id: Option<String>,
    /// When to come back.
    pub retry_after: Option<Duration>,
}

/// A problem as it arrives.
#[derive(Deserialize)]
pub(crate) struct Body {
    r#type: String,
    title: String,
    detail: Option<String>,
    field: Option<String>,
}

impl Error {
    /// The kind of the broker's refusal, if it is one.
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Refused(problem) => Some(&problem.kind),
            _ => None,
        }
    }

    /// Whether the same call may succeed later, without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(problem) => matches!(problem.status, 408 | 429 | 500..),
            Self::Unreachable(_) | Self::Proof(_) | Self::Renewal(_) | Self::Answer(_) => true,
            Self::Setup(_) | Self::Expired { .. } | Self::Ended => false,
        }
    }

    /// When the broker wants to be asked again, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(problem) => problem.retry_after,
            _ => None,
        }
    }
}

impl Problem {
    pub(crate) fn new(
        status: u16,
        body: Body,
        request_id: Option<String>,
        retry_after: Option<Duration>,
    ) -> Self {
        let kind = body.r#type.rsplit('/').next().unwrap_or_default().to_owned();
        let Body { title, detail, field, .. } = body;
        Self { kind, status, title, detail, field, request_id, retry_after }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.title)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        write!(f, " ({}, {})", self.status, self.kind)?;
        self.request_id.as_ref().map_or(Ok(()), |id| write!(f, ", request {id}"))
    }
}

/// An error with all that caused it: that of the HTTP client says little by itself.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn because(last: Option<&Error>) -> String {
    last.map_or_else(String::new, |error| format!(", and there is no other: {error}"))
}
