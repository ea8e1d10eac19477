//! What the API server says about a token (`TokenReview`).

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::config::{KubernetesIssuer, TokenReview, WhenUnavailable};
use crate::identity::date::after;
use crate::identity::kubernetes::Bound;
use crate::identity::memory::Fingerprint;
use crate::identity::refusal::shown;
use crate::identity::web::{Web, safe_url};
use crate::identity::{IdentityError, KeySourceError, Refusal};
use crate::model::IssuerName;
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

/// For how long a token is not asked about again that the API server does not vouch for.
const REFUSED: Duration = Duration::from_secs(5);
/// For how long the API server is left alone when it does not answer.
const UNAVAILABLE: Duration = Duration::from_secs(1);
/// How many tokens are remembered.
const REMEMBERED: usize = 10_000;

/// Asks one API server. Who asks about the same token at the same time waits for the same answer.
pub(super) struct Reviewer {
    issuer: IssuerName,
    web: Web,
    url: Url,
    audiences: Vec<String>,
    cache: Duration,
    when_unavailable: WhenUnavailable,
    outcomes: Cache<Fingerprint, Outcome>,
    clock: Arc<dyn Clock>,
}

#[derive(Clone)]
struct Outcome {
    result: Result<(), Refusal>,
    until: Timestamp,
}

/// What of the answer is looked at.
#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    authenticated: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    audiences: Vec<String>,
}

#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    extra: HashMap<String, Vec<String>>,
}

impl Reviewer {
    pub(super) fn new(
        name: &IssuerName,
        cluster: &KubernetesIssuer,
        review: &TokenReview,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IdentityError> {
        let server = review.url.trim_end_matches('/');
        let url = safe_url(name, &format!("{server}/apis/authentication.k8s.io/v1/tokenreviews"))?;
        let ca = review.ca.as_ref().or(cluster.ca.as_ref());
        Ok(Self {
            issuer: name.clone(),
            web: Web::new(name, ca.map(AsRef::as_ref), Some(&review.token_file))?,
            url,
            audiences: cluster.audiences.clone(),
            cache: review.cache.0,
            when_unavailable: review.when_unavailable,
            outcomes: Cache::new(REMEMBERED),
            clock: Arc::clone(clock),
        })
    }

    /// Until when the API server's word for this well-signed token counts.
    pub(super) async fn vouch(
        &self,
        proof: &Secret,
        subject: &str,
        bound: &Bound,
    ) -> Result<Timestamp, Refusal> {
        let fingerprint = Fingerprint::of(proof);
        loop {
            match self.outcomes.get_value_or_guard_async(&fingerprint).await {
                Ok(outcome) if self.clock.now() < outcome.until => {
                    return outcome.result.map(|()| outcome.until);
                }
                Ok(_) => drop(self.outcomes.remove(&fingerprint)),
                // Whoever waits meanwhile takes over, should this caller hang up.
                Err(guard) => {
                    let outcome = self.outcome(proof, subject, bound).await;
                    let _ = guard.insert(outcome.clone());
                    return outcome.result.map(|()| outcome.until);
                }
            }
        }
    }

    async fn outcome(&self, proof: &Secret, subject: &str, bound: &Bound) -> Outcome {
        let asked = self.clock.now();
        let (result, life) = match self.ask(proof).await {
            Ok(status) => match self.judge(&status, subject, bound) {
                Ok(()) => (Ok(()), self.cache),
                Err(refusal) => (Err(refusal), REFUSED),
            },
            Err(error) => {
                let accepted = self.when_unavailable == WhenUnavailable::Accept;
                let error = &error as &dyn Error;
                tracing::warn!(issuer = %self.issuer, error, accepted, "the API server cannot be asked about a token");
                (if accepted { Ok(()) } else { Err(Refusal::ReviewUnavailable) }, UNAVAILABLE)
            }
        };
        Outcome { result, until: after(asked, life) }
    }

    /// Asks about something that is no token: whether the broker may.
    pub(super) async fn try_once(&self) -> Result<(), KeySourceError> {
        self.ask(&Secret::new("not-a-token")).await.map(drop)
    }

    async fn ask(&self, proof: &Secret) -> Result<Status, KeySourceError> {
        let question = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": proof.expose(), "audiences": self.audiences },
        });
        let answer = self.web.post(&self.url, &question).await.map_err(|error| match error {
            KeySourceError::Refused { url, status: status @ (401 | 403) } => {
                KeySourceError::MayNotReview { url, status }
            }
            error => error,
        })?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|source| KeySourceError::NotAReview { url: self.url.to_string(), source })?;
        Ok(answer.status)
    }

    /// The answer must be about whom the claims are about: token and answer are then of one cluster.
    fn judge(&self, status: &Status, subject: &str, bound: &Bound) -> Result<(), Refusal> {
        if !status.authenticated {
            return Err(Refusal::NotVouchedFor { why: shown(&status.error) });
        }
        // Of a server that knows no audiences the list is empty, and its word means nothing.
        if !status.audiences.iter().any(|audience| self.audiences.contains(audience)) {
            return Err(Refusal::ReviewDisagrees("the audience"));
        }
        if status.user.username != subject {
            return Err(Refusal::ReviewDisagrees("the user's name"));
        }
        if status.user.uid != bound.serviceaccount.uid {
            return Err(Refusal::ReviewDisagrees("the service account's uid"));
        }
        let said = |key: &str| status.user.extra.get(key).map(Vec::as_slice).unwrap_or_default();
        let is = |said: &[String], named: Option<&String>| said.iter().eq(named);
        if !is(said("authentication.kubernetes.io/pod-uid"), bound.pod.as_ref().map(|pod| &pod.uid)) {
            return Err(Refusal::ReviewDisagrees("the pod's uid"));
        }
        if !is(said("authentication.kubernetes.io/pod-name"), bound.pod.as_ref().map(|pod| &pod.name)) {
            return Err(Refusal::ReviewDisagrees("the pod's name"));
        }
        Ok(())
    }
}
