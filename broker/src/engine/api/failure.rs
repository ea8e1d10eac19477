//! Why an API did not do what it was asked.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use serde::Deserialize;

use crate::engine::EngineError;

/// Why an API did not do what it was asked.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::engine) enum ApiError {
    /// No answer came, or one from something in between: it may have been done.
    Unavailable { detail: String },
    /// It will not do it now.
    Busy { detail: String, retry_after: Duration },
    /// It will not do it.
    Refused { status: StatusCode, detail: String },
}

impl ApiError {
    /// Whether it says that there is no such thing.
    pub(in crate::engine) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. })
    }
}

impl From<ApiError> for EngineError {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::Unavailable { detail } => Self::Unavailable { detail },
            ApiError::Busy { detail, retry_after } => Self::Busy { detail, retry_after },
            ApiError::Refused { detail, .. } => Self::Refused { detail },
        }
    }
}

/// No answer, or not all of it.
pub(super) fn unanswered(what: &str, error: &reqwest::Error) -> ApiError {
    // Its own words name the URL, and with it the query; those of its causes say what went wrong.
    let mut why = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        why.push(cause.to_string());
        source = cause.source();
    }
    let why = if error.is_timeout() { "no answer in time".to_owned() } else { why.join(": ") };
    ApiError::Unavailable { detail: format!("{what}: {}", scrubbed(&why)) }
}

/// What an answer that is no success means.
pub(super) fn refusal(what: &str, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiError {
    let detail = format!("{what}: {} {}", status.as_u16(), words(headers, body));
    let said = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    match status {
        StatusCode::LOCKED => ApiError::Busy { detail, retry_after: pause(said, AFTER_LOCKED) },
        StatusCode::TOO_MANY_REQUESTS => ApiError::Busy { detail, retry_after: pause(said, AFTER_TOO_MANY) },
        // Whoever says when to come back has not begun.
        StatusCode::SERVICE_UNAVAILABLE if said.is_some() => {
            ApiError::Busy { detail, retry_after: pause(said, AFTER_LOCKED) }
        }
        StatusCode::REQUEST_TIMEOUT => ApiError::Unavailable { detail },
        _ if status.is_server_error() => ApiError::Unavailable { detail },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let detail = format!("{detail}: is the broker's token there right, and may it do this?");
            ApiError::Refused { status, detail }
        }
        _ => ApiError::Refused { status, detail },
    }
}

fn pause(said: Option<u64>, usual: Duration) -> Duration {
    said.map_or(usual, Duration::from_secs).min(LONGEST_PAUSE)
}

/// What the body says, as far as it can be shown: `not_found: Not Found`.
fn words(headers: &HeaderMap, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        code: Option<String>,
        message: Option<String>,
        error: Option<String>,
        error_description: Option<String>,
    }
    match serde_json::from_slice::<Said>(body) {
        Ok(said) => {
            let parts = [said.code, said.error, said.message, said.error_description];
            let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
            scrubbed(&parts.join(": "))
        }
        Err(_) => {
            let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("nothing");
            format!("(an answer of the kind {}, not the API's own)", scrubbed(kind))
        }
    }
}

/// A provider's text, short, on one line, and without anything that looks like a secret of its.
pub(in crate::engine) fn scrubbed(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .take(LONGEST_TEXT)
        .collect();
    let words = line.split(' ').map(|word| {
        let hidden = SECRETS.iter().filter_map(|prefix| word.find(prefix)).min();
        match hidden.and_then(|at| word.get(..at)) {
            Some(before) => format!("{before}…"),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// How the secrets of providers begin: PlanetScale's passwords and tokens, Neon's passwords and keys, JSON web tokens.
const SECRETS: [&str; 6] = ["pscale_pw_", "pscale_tkn_", "pscale_oauth_", "npg_", "napi_", "eyJ"];
const LONGEST_TEXT: usize = 300;
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How long it is left alone after it said that something else is going on, unless it says how long that takes.
const AFTER_LOCKED: Duration = Duration::from_secs(1);
/// How long it is left alone after it said that it was asked too often, unless it says for how long.
const AFTER_TOO_MANY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, headers: &[(reqwest::header::HeaderName, &str)], body: &str) -> ApiError {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        refusal("GET x/y", StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn the_words_of_the_provider_are_kept_and_its_secrets_are_not() {
        let body = r#"{"code":"unprocessable","message":"bad\u0007 \"pscale_pw_abc\" and x=npg_1 or eyJhbGciOi.eyJz.x!"}"#;
        assert_eq!(
            refused(422, &[], body),
            ApiError::Refused {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                detail: "GET x/y: 422 unprocessable: bad  \"… and x=… or …".to_owned()
            }
        );
        let html = [(CONTENT_TYPE, "text/html")];
        let ApiError::Unavailable { detail } = refused(502, &html, "<h1>pscale_pw_abc</h1>") else {
            panic!()
        };
        assert_eq!(detail, "GET x/y: 502 (an answer of the kind text/html, not the API's own)");
    }

    #[test]
    fn what_may_have_been_done_is_told_apart_from_what_was_not() {
        let busy = |error| match error {
            ApiError::Busy { retry_after, .. } => Some(retry_after.as_secs()),
            ApiError::Unavailable { .. } => None,
            ApiError::Refused { detail, .. } => panic!("{detail}"),
        };
        let after = |seconds| [(RETRY_AFTER, seconds)];
        assert_eq!(busy(refused(423, &[], "{}")), Some(1));
        assert_eq!(busy(refused(429, &[], "")), Some(10));
        assert_eq!(busy(refused(429, &after("7"), "")), Some(7));
        assert_eq!(busy(refused(429, &after("99999999"), "")), Some(600));
        assert_eq!(busy(refused(429, &after("soon"), "")), Some(10));
        assert_eq!(busy(refused(503, &after("3"), "")), Some(3));
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(busy(refused(status, &[], "{}")), None, "{status}");
        }
        assert!(refused(404, &[], "{}").is_not_found() && refused(410, &[], "{}").is_not_found());
        assert!(!refused(403, &[], "{}").is_not_found());
    }
}
