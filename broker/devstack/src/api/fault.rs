//! What can go wrong with a request.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// An answer that the emulator did not give.
#[derive(Clone, Debug)]
#[must_use]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

impl Answer {
    /// Without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    /// With JSON.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        Self { body: body.to_string(), ..Self::empty(status) }.header(header::CONTENT_TYPE, kind)
    }

    /// With a page, as intermediaries answer.
    pub fn html(status: StatusCode, body: &str) -> Self {
        let kind = HeaderValue::from_static("text/html");
        Self { body: body.to_owned(), ..Self::empty(status) }.header(header::CONTENT_TYPE, kind)
    }

    /// With this header, too.
    pub fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Something that goes wrong. By default nothing does.
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault {
    pub(super) delay: Duration,
    /// Whether the emulator sees the request.
    pub(super) handles: bool,
    pub(super) outcome: Outcome,
}

/// What the client gets.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// What the emulator answers.
    Own,
    /// This instead.
    Other(Answer),
    /// The end of the connection.
    Nothing,
}

impl Default for Fault {
    fn default() -> Self {
        Self { delay: Duration::ZERO, handles: true, outcome: Outcome::Own }
    }
}

impl Fault {
    /// Waits before the request is looked at.
    pub fn delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Answers with this; nothing is changed.
    pub fn answer(answer: Answer) -> Self {
        Self { handles: false, outcome: Outcome::Other(answer), ..Self::default() }
    }

    /// Closes the connection without an answer; nothing is changed.
    pub fn drop() -> Self {
        Self { handles: false, outcome: Outcome::Nothing, ..Self::default() }
    }

    /// Carries the request out first: what was asked for is done, though the client cannot know.
    pub fn after_handling(self) -> Self {
        Self { handles: true, ..self }
    }

    /// Waits before the request is looked at, besides.
    pub fn delayed(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }
}
