//! What of a Kubernetes API server has to do with tokens: its keys, and what it says about a token (`TokenReview`).
//!
//! Its answers are those of kube-apiserver 1.30 for the same questions: also the keys are shown to those alone who
//! have a token of their own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use anyhow::Context as _;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::ca::Ca;
use crate::oidc::{Claims, Oidc};
use crate::serving::{self, Running};
use crate::{blocking, entropy};

/// A cluster as far as tokens are concerned; it ends when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    state: Arc<State>,
    url: String,
    _running: Running,
}

/// A pod, and whose it is.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its service account.
    pub service_account: String,
    /// The uid of that.
    pub service_account_uid: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// How questions about tokens are answered.
#[derive(Clone, Debug, Default)]
pub enum Reviews {
    /// As they should be.
    #[default]
    Right,
    /// Not to this broker.
    Forbidden,
    /// With status 503.
    Unavailable,
    /// With something that is not JSON.
    Garbage,
    /// With this in place of a part of the status, given as a JSON pointer.
    Wrong(&'static str, Value),
}

#[derive(Debug)]
struct State {
    keys: Oidc,
    /// Living pods by uid.
    pods: Mutex<HashMap<String, Pod>>,
    /// The tokens that were given out, and whose they are.
    tokens: Mutex<HashMap<String, Issued>>,
    reviews: RwLock<Reviews>,
    broker: Mutex<String>,
    reviewed: AtomicU64,
    jwks_requests: AtomicU64,
}

#[derive(Clone, Debug)]
struct Issued {
    pod: Pod,
    is_bound: bool,
    audiences: Vec<String>,
}

impl Cluster {
    /// What the API server calls itself in tokens.
    pub const ISSUER: &'static str = "https://kubernetes.default.svc.cluster.local";

    /// Starts one that serves HTTPS with a certificate of this authority.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let keys = Oidc::start(ca).await?;
        let ca = ca.clone();
        blocking(move || {
            let (port, listeners) = serving::listen()?;
            let url = format!("https://localhost:{}", port.number());
            let state = Arc::new(State {
                keys,
                pods: Mutex::default(),
                tokens: Mutex::default(),
                reviews: RwLock::default(),
                broker: Mutex::new(entropy::password()?),
                reviewed: AtomicU64::new(0),
                jwks_requests: AtomicU64::new(0),
            });
            let tls = serving::tls(&ca.issue(serving::LOOPBACK)?, serving::HTTP)?;
            let routes = Router::new()
                .route("/openid/v1/jwks", get(jwks))
                .route("/apis/authentication.k8s.io/v1/tokenreviews", post(review))
                .with_state(Arc::clone(&state));
            let running = serving::run("devstack-cluster", move || {
                serving::serve_http(listeners, &routes, Some(&tls))?;
                Ok(port)
            })?;
            Ok(Self { state, url, _running: running })
        })
        .await
        .context("the cluster does not start")
    }

    /// `https://localhost:…`: the API server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token by which the API server knows the broker; a new one after [`Cluster::renew_broker_token`].
    pub fn broker_token(&self) -> String {
        lock(&self.state.broker).clone()
    }

    /// From now on the API server knows the broker by another token.
    pub fn renew_broker_token(&self) -> anyhow::Result<()> {
        *lock(&self.state.broker) = entropy::password()?;
        Ok(())
    }

    /// What signs its tokens, for those that are not as the API server makes them.
    pub fn keys(&self) -> &Oidc {
        &self.state.keys
    }

    /// A new pod of a service account, which is the same one for the same names.
    pub fn pod(&self, namespace: &str, service_account: &str) -> anyhow::Result<Pod> {
        let number = entropy::number()?;
        let pod = Pod {
            namespace: namespace.to_owned(),
            service_account: service_account.to_owned(),
            service_account_uid: format!("sa-{namespace}-{service_account}"),
            name: format!("{service_account}-{number:08x}"),
            uid: format!("pod-{number:08x}"),
        };
        lock(&self.state.pods).insert(pod.uid.clone(), pod.clone());
        Ok(pod)
    }

    /// Deletes it: the API server does not vouch for its tokens any more.
    pub fn delete(&self, pod: &Pod) {
        lock(&self.state.pods).remove(&pod.uid);
    }

    /// The claims of its projected token, for the audience `dsn-broker`.
    pub fn claims(&self, pod: &Pod) -> Claims {
        let subject = format!("system:serviceaccount:{}:{}", pod.namespace, pod.service_account);
        Claims::of(&subject).issuer(Self::ISSUER).with(
            "kubernetes.io",
            json!({
                "namespace": pod.namespace,
                "node": { "name": "node-1", "uid": "uid-of-node-1" },
                "pod": { "name": pod.name, "uid": pod.uid },
                "serviceaccount": { "name": pod.service_account, "uid": pod.service_account_uid },
            }),
        )
    }

    /// Gives the pod a token with these claims. The API server knows it from now on, for these audiences.
    pub fn token(&self, pod: &Pod, claims: &Claims, audiences: &[&str]) -> anyhow::Result<String> {
        let token = self.state.keys.mint(claims)?;
        let audiences = audiences.iter().map(|&audience| audience.to_owned()).collect();
        let issued = Issued { pod: pod.clone(), is_bound: true, audiences };
        lock(&self.state.tokens).insert(token.clone(), issued);
        Ok(token)
    }

    /// The same, bound to the service account alone (as `kubectl create token` makes them).
    pub fn token_without_pod(&self, pod: &Pod, claims: &Claims) -> anyhow::Result<String> {
        let account = json!({ "name": pod.service_account, "uid": pod.service_account_uid });
        let bound = json!({ "namespace": pod.namespace, "serviceaccount": account });
        let token = self.state.keys.mint(&claims.clone().with("kubernetes.io", bound))?;
        let issued = Issued { pod: pod.clone(), is_bound: false, audiences: vec!["dsn-broker".to_owned()] };
        lock(&self.state.tokens).insert(token.clone(), issued);
        Ok(token)
    }

    /// How it answers questions about tokens from now on.
    pub fn set_reviews(&self, reviews: Reviews) {
        *self.state.reviews.write().unwrap_or_else(PoisonError::into_inner) = reviews;
    }

    /// How often it was asked about tokens.
    pub fn reviewed(&self) -> u64 {
        self.state.reviewed.load(Ordering::SeqCst)
    }

    /// How often its keys were asked for.
    pub fn jwks_requests(&self) -> u64 {
        self.state.jwks_requests.load(Ordering::SeqCst)
    }
}

impl State {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let expected = format!("Bearer {}", lock(&self.broker));
        headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes() == expected.as_bytes())
    }

    fn status(&self, question: &Value) -> Value {
        let refused = |why: &str| json!({ "user": {}, "error": why });
        let token = question.pointer("/spec/token").and_then(Value::as_str).unwrap_or_default();
        let Some(issued) = lock(&self.tokens).get(token).cloned() else {
            return refused("[invalid bearer token]");
        };
        let pod = &issued.pod;
        if issued.is_bound && !lock(&self.pods).contains_key(&pod.uid) {
            return refused("[invalid bearer token, service account token has been invalidated]");
        }
        let asked = question.pointer("/spec/audiences").and_then(Value::as_array);
        let asked = asked.into_iter().flatten().filter_map(Value::as_str);
        let audiences: Vec<_> =
            asked.filter(|asked| issued.audiences.iter().any(|audience| audience == asked)).collect();
        if audiences.is_empty() {
            return refused("[invalid bearer token, token audiences are invalid]");
        }
        let extra = if issued.is_bound {
            json!({
                "authentication.kubernetes.io/credential-id": ["JTI=1"],
                "authentication.kubernetes.io/node-name": ["node-1"],
                "authentication.kubernetes.io/node-uid": ["uid-of-node-1"],
                "authentication.kubernetes.io/pod-name": [pod.name],
                "authentication.kubernetes.io/pod-uid": [pod.uid],
            })
        } else {
            json!({ "authentication.kubernetes.io/credential-id": ["JTI=1"] })
        };
        json!({
            "authenticated": true,
            "user": {
                "username": format!("system:serviceaccount:{}:{}", pod.namespace, pod.service_account),
                "uid": pod.service_account_uid,
                "groups": ["system:serviceaccounts", format!("system:serviceaccounts:{}", pod.namespace), "system:authenticated"],
                "extra": extra,
            },
            "audiences": audiences,
        })
    }
}

async fn jwks(Extract(state): Extract<Arc<State>>, headers: HeaderMap) -> Response {
    state.jwks_requests.fetch_add(1, Ordering::SeqCst);
    if state.knows(&headers) {
        Json(state.keys.jwks()).into_response()
    } else {
        StatusCode::UNAUTHORIZED.into_response()
    }
}

async fn review(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    Json(question): Json<Value>,
) -> Response {
    state.reviewed.fetch_add(1, Ordering::SeqCst);
    if !state.knows(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let reviews = state.reviews.read().unwrap_or_else(PoisonError::into_inner).clone();
    let mut answer = question.clone();
    let mut status = state.status(&question);
    match reviews {
        Reviews::Right => {}
        Reviews::Forbidden => return StatusCode::FORBIDDEN.into_response(),
        Reviews::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Reviews::Garbage => return "<html>It works!</html>".into_response(),
        Reviews::Wrong(pointer, value) => {
            if let Some(part) = status.pointer_mut(pointer) {
                *part = value;
            }
        }
    }
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("status".to_owned(), status);
    }
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
