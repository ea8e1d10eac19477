//! Bodies, queries and paths, with refusals that name the field.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::http::Shared;
use crate::http::problem::{Kind, Problem};

/// How much of a body that is too large is read all the same, in bytes.
const THROWN_AWAY: usize = 4 * 1024 * 1024;

/// A JSON body; an empty one is `{}`.
pub(super) struct Body<T>(pub(super) T);

/// A query string.
pub(super) struct Query<T>(pub(super) T);

/// The one parameter of the path. What is not UTF-8 becomes a text that is no name, and nothing is called by.
pub(super) struct Segment(pub(super) String);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), shared.body_limit).await?;
        let bytes = if bytes.is_empty() { b"{}".to_vec() } else { bytes };
        // A list would be read as an object's members in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(Problem::invalid("body", "it is not a JSON object"));
        }
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = field(&error.path().to_string(), "body");
            Problem::invalid(&field, error.inner().to_string())
        })?;
        json.end().map_err(|_| Problem::invalid("body", "there is more after the JSON object"))?;
        Ok(Self(read))
    }
}

/// The whole body, up to `limit` bytes.
///
/// Somewhat more is read and thrown away: a client that is still sending when we hang up may never see the refusal.
async fn read(body: axum::body::Body, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut length) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let broken = |_| Problem::new(Kind::InvalidRequest).because("the body could not be read");
        let chunk = chunk.map_err(broken)?;
        length = length.saturating_add(chunk.len());
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        } else if length - limit > THROWN_AWAY {
            break;
        }
    }
    if length > limit {
        Err(Problem::new(Kind::BodyTooLarge).because("server.limits.body"))
    } else {
        Ok(bytes)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(text.as_bytes()));
        serde_path_to_error::deserialize(pairs).map(Self).map_err(|error| {
            let field = field(&error.path().to_string(), "query");
            Problem::invalid(&field, error.inner().to_string())
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        use axum::extract::path::{ErrorKind, Path as Parameter};
        use axum::extract::rejection::PathRejection;
        match Parameter::<String>::from_request_parts(parts, state).await {
            Ok(Parameter(text)) => Ok(Self(text)),
            Err(PathRejection::FailedToDeserializePathParams(error))
                if matches!(error.kind(), ErrorKind::InvalidUtf8InPathParam { .. }) =>
            {
                Ok(Self(char::REPLACEMENT_CHARACTER.to_string()))
            }
            Err(rejection) => Err(Problem::new(Kind::Internal).because(rejection)),
        }
    }
}

/// Reads a text that the ledger is asked about or keeps. No subject and no reason has control characters in it, and
/// Postgres has no way to write NUL.
pub(super) fn plain_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.chars().any(char::is_control) {
        true => Err(D::Error::custom("use no control characters")),
        false => Ok(text),
    }
}

/// The same, where the text may be missing.
pub(super) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    struct Plain(#[serde(deserialize_with = "plain_text")] String);
    Ok(Option::<Plain>::deserialize(deserializer)?.map(|Plain(text)| text))
}

/// Where the mistake is, or the whole: `?` is a place that was not reached.
fn field(path: &str, whole: &str) -> String {
    if matches!(path, "." | "?") { whole.to_owned() } else { path.to_owned() }
}
