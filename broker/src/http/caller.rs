//! Who calls: the extractor that authenticates.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use crate::app::Current;
use crate::config::Right;
use crate::http::Shared;
use crate::http::client_certificate::Shown;
use crate::http::guard::{self, RequestId};
use crate::http::problem::{Kind, Problem};
use crate::identity::ClientCertificates;
use crate::model::{Action, Event, RoleName, Workload};
use crate::policy::{OperatorPermit, Permit};
use crate::secret::Secret;

/// An authenticated caller, and the configuration that its request is judged by from here on.
pub(super) struct Caller {
    pub(super) workload: Arc<Workload>,
    pub(super) request: String,
    pub(super) current: Arc<Current>,
    shared: Arc<Shared>,
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let app = &shared.app;
        let current = app.current.load_full();
        let request = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
        let failed = |reason: String, kind, claimed: Claimed| {
            app.metrics.authentication_failed();
            let mut event = Event::new(app.clock.now(), Action::AuthenticationFailed).in_request(&request);
            // In the detail: the event's own principal is one that was proven.
            for (key, value) in [("issuer", claimed.0), ("subject", claimed.1)] {
                event = value.into_iter().fold(event, |event, value| event.with(key, value));
            }
            app.failures.record(event, &reason);
            Problem::new(kind).because(reason)
        };
        let proof = proof(parts)
            .map_err(|reason| failed(reason.to_owned(), Kind::Unauthenticated, Claimed::default()))?;
        let authenticated = match &proof {
            Proof::Bearer(token) => current.identity.authenticate(token).await,
            Proof::Certificates(shown) => current.identity.authenticate_certificates(shown).await,
        };
        let workload = authenticated.map_err(|error| {
            let kind = if error.is_our_fault() { Kind::IssuerUnavailable } else { Kind::Unauthenticated };
            let reason = error.to_string();
            failed(reason, kind, (error.issuer.map(|name| name.to_string()), error.subject))
        })?;
        if let Some(guard::Caller(caller)) = parts.extensions.get() {
            let _ = caller.set(workload.principal.clone());
        }
        if !shared.rates.admit(&workload.principal, app.clock.now()) {
            return Err(Problem::new(Kind::TooManyRequests).because("server.limits.rate"));
        }
        Ok(Self { workload, request, current, shared: shared.clone() })
    }
}

/// Issuer and subject of a proof that was refused, as far as they are known.
type Claimed = (Option<String>, Option<String>);

impl Caller {
    /// The permit for a role. The refusal is the same for a role that does not exist and one that is not bound.
    pub(super) fn permit(&self, role: &str) -> Result<Permit, Problem> {
        let name = role.parse::<RoleName>().map_err(|error| self.refused(&error, None))?;
        self.current
            .policy
            .authorize(&self.workload, &name)
            .map_err(|refusal| self.refused(&refusal, Some(name)))
    }

    /// The permit for an operator's work.
    pub(super) fn operate(&self, right: Right) -> Result<OperatorPermit, Problem> {
        self.current.policy.operate(&self.workload, right).map_err(|refusal| self.refused(&refusal, None))
    }

    /// Whether the caller has this right.
    pub(super) fn has(&self, right: Right) -> bool {
        self.current.policy.rights(&self.workload).contains(&right)
    }

    fn refused(&self, refusal: &dyn std::error::Error, role: Option<RoleName>) -> Problem {
        let app = &self.shared.app;
        let mut event = Event::new(app.clock.now(), Action::AuthorizationRefused)
            .by(&self.workload.principal)
            .in_request(&self.request);
        event.role = role;
        app.failures.record(event, &refusal.to_string());
        Problem::new(Kind::Forbidden).because(refusal)
    }
}

/// How a caller proves who it is.
enum Proof {
    Bearer(Secret),
    Certificates(Arc<ClientCertificates>),
}

/// A browser shows its certificate to us whoever made it ask, and says who that was (W3C Fetch Metadata).
fn is_of_another_site(parts: &Parts) -> bool {
    let site = parts.headers.get("sec-fetch-site");
    site.is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

/// The token, if the request has one, and never the certificate then: a caller whose token is refused is nobody else
/// instead. What it says with each request counts, and not what its connection was made with.
fn proof(parts: &Parts) -> Result<Proof, &'static str> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        if is_of_another_site(parts) {
            return Err("a page of another site asks, with the certificate of its reader");
        }
        let shown = parts.extensions.get::<Shown>().and_then(|shown| shown.0.clone());
        return shown
            .map(Proof::Certificates)
            .ok_or("there is no Authorization header, and no client certificate");
    };
    if values.next().is_some() {
        return Err("there is more than one Authorization header");
    }
    let text = value.to_str().map_err(|_| "the Authorization header is not ASCII")?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => {
            Ok(Proof::Bearer(Secret::new(token.trim())))
        }
        _ => Err("the Authorization header does not read Bearer and a token"),
    }
}
