//! What surrounds every request: its identifier, its limits, its line in the log, its place in the metrics.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::config::Limits;
use crate::entropy::bytes;
use crate::http::problem::{Kind, LogReason, Problem};
use crate::model::Principal;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static NO_SNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

/// What a browser may load for our pages: our own assets alone. The page of the documentation has styles and small
/// pictures inline.
const OWN_ASSETS: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

/// What every request goes through.
#[derive(Clone)]
pub(super) struct Guard {
    app: Arc<App>,
    places: Arc<Semaphore>,
    timeout: Duration,
}

/// The identifier of a request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(pub(super) String);

impl Guard {
    pub(super) fn new(app: &Arc<App>, limits: &Limits) -> Self {
        Self {
            app: app.clone(),
            places: Arc::new(Semaphore::new(limits.concurrency)),
            timeout: limits.request_timeout.0,
        }
    }
}

pub(super) async fn guard(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let started = tokio::time::Instant::now();
    let id = request_id(&guard, &request);
    let method = request.method().clone();
    // The pattern, not the path: what callers make up does not enter the log or the metrics.
    let route = request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    request.extensions_mut().insert(RequestId(id.clone()));
    let called_by = Arc::new(std::sync::OnceLock::new());
    request.extensions_mut().insert(Caller(called_by.clone()));
    let mut response = limited(&guard, request, next).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(NO_SNIFF.clone(), HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(OWN_ASSETS));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
    let (status, took) = (response.status().as_u16(), started.elapsed());
    guard.app.metrics.request(&route, status, took);
    log(&response, &id, method.as_str(), &route, status, took, called_by.get());
    response
}

/// Where the authentication leaves who called, for the log.
#[derive(Clone)]
pub(super) struct Caller(pub(super) Arc<std::sync::OnceLock<Principal>>);

/// Runs the request within the limits: not too many at once, not for too long, and no panic takes the process down.
async fn limited(guard: &Guard, request: Request, next: Next) -> Response {
    let Ok(_place) = guard.places.try_acquire() else {
        return Problem::new(Kind::Overloaded).because("too many requests at once").into_response();
    };
    let answer = std::panic::AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(guard.timeout, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Problem::new(Kind::Internal).because("a handler panicked").into_response(),
        Err(_) => Problem::new(Kind::Timeout).because("server.limits.request_timeout").into_response(),
    }
}

/// The caller's own identifier if it is a plain one, else a new one.
fn request_id(guard: &Guard, request: &Request) -> String {
    let plain = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(
        || uuid::Uuid::from_bytes(bytes(&*guard.app.broker.entropy)).simple().to_string(),
        str::to_owned,
    )
}

fn log(
    response: &Response,
    id: &str,
    method: &str,
    route: &str,
    status: u16,
    took: Duration,
    caller: Option<&Principal>,
) {
    let problem = response.extensions().get::<LogReason>();
    let (kind, reason) = problem.map_or((String::new(), ""), |LogReason(kind, reason)| (kind.name(), reason));
    let (issuer, subject) =
        caller.map_or(("", ""), |principal| (principal.issuer.as_str(), principal.subject.as_str()));
    let duration_ms = took.as_secs_f64() * 1000.0;
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                request.id = id,
                method,
                route,
                status,
                duration_ms,
                issuer,
                subject,
                problem = kind,
                reason,
                "request"
            )
        };
    }
    if status >= 500 { line!(error) } else { line!(info) }
}
