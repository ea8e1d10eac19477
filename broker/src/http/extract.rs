//! Bodies, queries and paths, with refusals that name the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::http::problem::{Kind, Problem};

/// A JSON body; an empty one is `{}`.
pub(super) struct Body<T>(pub(super) T);

/// A query string.
pub(super) struct Query<T>(pub(super) T);

/// The one parameter of the path. What is not UTF-8 becomes a text that is no name, and nothing is called by.
pub(super) struct Segment(pub(super) String);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
            let kind = if too_large { Kind::BodyTooLarge } else { Kind::InvalidRequest };
            Problem::new(kind).because("the body could not be read")
        })?;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"{}") } else { bytes };
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
