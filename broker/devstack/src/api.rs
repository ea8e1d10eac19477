//! What emulators of providers' REST APIs share: HTTPS, a record of requests, faults on demand, a limit, a clock.
//!
//! An emulator adds its routes and its state. Its state takes the time from the same [`Clock`] that it starts the API
//! with.

mod connection;
mod fault;
mod limit;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use axum::extract::{Request as Incoming, State as Extract};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};

use self::connection::Cut;
use self::fault::Outcome;
pub use self::fault::{Answer, Fault};
use self::limit::Bucket;
pub use self::limit::Limit;
use crate::blocking;
use crate::ca::Issued;
use crate::clock::Clock;
use crate::serving::{self, Running};

/// A running API; it ends when this is dropped. It has a thread of its own, so it outlives the async runtime of the
/// test that started it.
#[derive(Debug)]
pub struct Api {
    port: u16,
    state: Arc<State>,
    _running: Running,
}

/// A request that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// With its query.
    pub path: String,
    /// What was answered; `None` while it is open, or if the connection was dropped.
    pub status: Option<u16>,
    /// Whether the emulator has seen it: its changes are made, whatever was answered.
    pub handled: bool,
}

#[derive(Debug)]
struct State {
    clock: Clock,
    requests: Mutex<Vec<Request>>,
    faults: Mutex<Vec<Planned>>,
    bucket: Mutex<Option<Bucket>>,
}

/// A fault, and whom it still strikes.
#[derive(Debug)]
struct Planned {
    method: String,
    path: String,
    times: usize,
    fault: Fault,
}

impl Api {
    /// Serves these routes with this certificate, on every loopback address.
    pub async fn start(issued: &Issued, clock: &Clock, routes: Router) -> anyhow::Result<Self> {
        let (issued, clock) = (issued.clone(), clock.clone());
        blocking(move || Self::start_now(&issued, clock, routes)).await.context("the API does not start")
    }

    fn start_now(issued: &Issued, clock: Clock, routes: Router) -> anyhow::Result<Self> {
        let (port, listeners) = serving::listen()?;
        let number = port.number();
        let tls = serving::tls(issued, serving::HTTP)?;
        let (requests, faults, bucket) = <_>::default();
        let state = Arc::new(State { clock, requests, faults, bucket });
        let routes = routes.layer(middleware::from_fn_with_state(Arc::clone(&state), receive));
        let running = serving::run("devstack-api", move || {
            for listener in listeners {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::spawn(connection::accept(listener, Arc::clone(&tls), routes.clone()));
            }
            Ok(port)
        })?;
        Ok(Self { port: number, state, _running: running })
    }

    /// `https://localhost:…`; the certificate has to be good for that name.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The port, on every loopback address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests().clone()
    }

    /// Lets the next so many requests with this method (`*` is any) and the beginning of this path go wrong. Of several
    /// plans that fit the first that is not used up counts.
    pub fn misbehave(&self, method: &str, path: &str, times: usize, fault: Fault) {
        let (method, path) = (method.to_owned(), path.to_owned());
        self.state.faults().push(Planned { method, path, times, fault });
    }

    /// Forgets all faults that have not come to pass.
    pub fn behave(&self) {
        self.state.faults().clear();
    }

    /// Takes no more requests than this from now on, or any number.
    pub fn limit(&self, limit: Option<Limit>) {
        let bucket = limit.map(|limit| Bucket::full(limit, self.state.clock.now()));
        *self.state.bucket.lock().unwrap_or_else(PoisonError::into_inner) = bucket;
    }

    /// The clock that it was started with.
    pub fn clock(&self) -> &Clock {
        &self.state.clock
    }
}

impl State {
    fn requests(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Vec<Planned>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request on record; answers with its number.
    fn record(&self, request: &Incoming) -> usize {
        let mut requests = self.requests();
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        requests.push(Request { method: request.method().to_string(), path, status: None, handled: false });
        requests.len() - 1
    }

    fn amend(&self, number: usize, change: impl FnOnce(&mut Request)) {
        self.requests().get_mut(number).map(change).unwrap_or_default();
    }

    /// What is to go wrong with a request.
    fn fault(&self, request: &Incoming) -> Option<Fault> {
        let mut faults = self.faults();
        let planned = faults.iter_mut().find(|planned| {
            planned.times > 0
                && (planned.method == "*" || planned.method == request.method().as_str())
                && request.uri().path().starts_with(&planned.path)
        })?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }

    fn refusal(&self) -> Option<Answer> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.as_mut()?.refusal(self.clock.now())
    }
}

/// What every request goes through.
async fn receive(
    Extract(state): Extract<Arc<State>>,
    Extension(cut): Extension<Cut>,
    request: Incoming,
    next: Next,
) -> Response {
    let number = state.record(&request);
    let response = match state.refusal() {
        Some(answer) => Some(answer.into_response()),
        None => answer(&state, number, request, next).await,
    };
    let Some(response) = response else { return cut.now().await };
    state.amend(number, |request| request.status = Some(response.status().as_u16()));
    response
}

/// The answer, or none.
async fn answer(state: &State, number: usize, request: Incoming, next: Next) -> Option<Response> {
    let fault = state.fault(&request).unwrap_or_default();
    tokio::time::sleep(fault.delay).await;
    let mut response = None;
    if fault.handles {
        response = Some(next.run(request).await);
        state.amend(number, |request| request.handled = true);
    }
    match fault.outcome {
        Outcome::Own => response,
        Outcome::Other(answer) => Some(answer.into_response()),
        Outcome::Nothing => None,
    }
}
