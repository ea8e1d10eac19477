//! Refusals, as RFC 9457 problems, from one closed list of kinds.
//!
//! The caller learns the kind and the request's identifier; the log and the audit learn why.

mod origin;

use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// What was asked is not valid.
    InvalidRequest,
    /// Identity was not proven.
    Unauthenticated,
    /// It is not granted.
    Forbidden,
    /// There is no such path.
    NotFound,
    /// There is no such lease.
    LeaseNotFound,
    /// The path is known, the method is not.
    MethodNotAllowed,
    /// The lease has ended, is ending, or has reached its maximum.
    LeaseNotRenewable,
    /// The body is too large.
    BodyTooLarge,
    /// The workload asks too fast.
    TooManyRequests,
    /// The workload has as many leases for this role as it may have.
    QuotaExceeded,
    /// A defect of the broker.
    Internal,
    /// The database refused.
    EngineRefused,
    /// The database does not answer.
    EngineUnavailable,
    /// The broker cannot record what it does, and therefore does not do it.
    LedgerUnavailable,
    /// The issuer cannot be asked: for its keys, or about a token.
    IssuerUnavailable,
    /// The broker has more to do than it can.
    Overloaded,
    /// It took too long.
    Timeout,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::LeaseNotFound,
        Self::MethodNotAllowed,
        Self::LeaseNotRenewable,
        Self::BodyTooLarge,
        Self::TooManyRequests,
        Self::QuotaExceeded,
        Self::Internal,
        Self::EngineRefused,
        Self::EngineUnavailable,
        Self::LedgerUnavailable,
        Self::IssuerUnavailable,
        Self::Overloaded,
        Self::Timeout,
    ];

    /// Status and title.
    pub fn meaning(self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidRequest => (StatusCode::BAD_REQUEST, "What was asked is not valid"),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "Identity is not proven"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "This is not granted to you"),
            Self::NotFound => (StatusCode::NOT_FOUND, "There is nothing here"),
            Self::LeaseNotFound => (StatusCode::NOT_FOUND, "There is no such lease"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "This method is not known here"),
            Self::LeaseNotRenewable => (StatusCode::CONFLICT, "The lease cannot be renewed"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "You are asking too fast"),
            Self::QuotaExceeded => (StatusCode::TOO_MANY_REQUESTS, "You have as many leases as you may have"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "The broker has a defect"),
            Self::EngineRefused => (StatusCode::BAD_GATEWAY, "The database refused"),
            Self::EngineUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "The database does not answer"),
            Self::LedgerUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "The broker cannot record what it does")
            }
            Self::IssuerUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "The issuer cannot be asked"),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "The broker is overloaded"),
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "It took too long"),
        }
    }

    /// The last part of the `type` URI.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }

    /// What the `type` of its problems is.
    fn uri(self) -> String {
        format!("/problems/{}", self.name())
    }

    /// In seconds.
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::TooManyRequests | Self::Overloaded => Some(1),
            Self::LedgerUnavailable | Self::EngineUnavailable | Self::IssuerUnavailable => Some(2),
            Self::QuotaExceeded => Some(30),
            _ => None,
        }
    }
}

/// A refusal.
#[derive(Clone, Debug)]
pub struct Problem {
    /// Its kind.
    pub kind: Kind,
    detail: Option<String>,
    field: Option<String>,
    /// Why, for the log.
    reason: Option<String>,
    /// When to ask again, in seconds.
    retry_after: Option<u64>,
}

/// The reason of a problem, handed to the log with the response.
#[derive(Clone)]
pub(super) struct LogReason(pub(super) Kind, pub(super) String);

/// The body of a refusal (RFC 9457 §3).
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The kind, as a URI reference; the list is in the document's description.
    #[serde(rename = "type")]
    #[schema(schema_with = type_uris)]
    type_: String,
    /// The kind, for people.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with what was asked, where the caller can mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// All that `type` can be, for the document.
fn type_uris() -> utoipa::openapi::schema::Object {
    utoipa::openapi::schema::ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::Type::String)
        .description(Some("The kind, as a URI reference."))
        .enum_values(Some(Kind::ALL.map(Kind::uri)))
        .build()
}

impl Problem {
    /// A refusal of this kind.
    pub fn new(kind: Kind) -> Self {
        Self { kind, detail: None, field: None, reason: None, retry_after: kind.retry_after() }
    }

    /// A field of the request is not valid.
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(Kind::InvalidRequest).telling(detail) }
    }

    /// … with a sentence for the caller.
    pub fn telling(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// … that is over, as far as is known, after this time.
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = Some(time.as_secs().max(1));
        self
    }

    /// … with a reason for the log.
    pub fn because(mut self, reason: impl ToString) -> Self {
        self.reason = Some(reason.to_string());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = self.kind.meaning();
        let body = ProblemBody {
            type_: self.kind.uri(),
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            field: self.field,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let reason = self.reason.or(self.detail).unwrap_or_default();
        response.extensions_mut().insert(LogReason(self.kind, reason));
        response
    }
}

/// The refusals that every operation may answer with, for the document.
#[derive(utoipa::IntoResponses)]
#[expect(dead_code, reason = "only their documentation is used")]
pub(super) enum Refusals {
    /// What was asked is not valid; `field` says which part.
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(ProblemBody),
    /// Identity is not proven. The body is the same for every cause.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(ProblemBody),
    /// Not granted. The body is the same whether what was named exists or not.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(ProblemBody),
    /// The workload asks too fast, or has as many leases as it may have; `Retry-After` says when to ask again.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(ProblemBody),
    /// The body is too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(ProblemBody),
    /// The broker has a defect: report it, with the `x-request-id`.
    #[response(status = 500, content_type = "application/problem+json")]
    Defect(ProblemBody),
    /// The database refused: the broker's log says why.
    #[response(status = 502, content_type = "application/problem+json")]
    EngineRefused(ProblemBody),
    /// It took too long.
    #[response(status = 504, content_type = "application/problem+json")]
    Timeout(ProblemBody),
    /// The database, the ledger, an issuer or the broker itself is not able to answer now; `Retry-After` says when to ask again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(ProblemBody),
}
