//! What the issuer answers over HTTP.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State as Extract};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Algorithm, Bad, Claims, Health, State};

/// The routes of the issuer that calls itself `issuer`.
pub(super) fn routes(state: Arc<State>, issuer: String) -> Router {
    let discovery = {
        let state = Arc::clone(&state);
        move || async move { Json(discovery(&state, &issuer)) }
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), ailing))
        .route("/mint", post(mint))
        .route("/attacker/jwks", get(attacker))
        .route("/attacker/certificate", get(attacker))
        .with_state(state)
}

fn discovery(state: &State, issuer: &str) -> Value {
    state.discovery_requests.fetch_add(1, Ordering::SeqCst);
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": Algorithm::ALL,
    })
}

async fn jwks(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    state.jwks_requests.fetch_add(1, Ordering::SeqCst);
    Json(state.jwks())
}

async fn attacker(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    state.attacker_requests.fetch_add(1, Ordering::SeqCst);
    Json(json!({ "keys": state.attacker.jwks() }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mint {
    sub: String,
    aud: Option<Value>,
    #[serde(default)]
    alg: Algorithm,
    /// In seconds.
    lifetime: Option<u64>,
    now: Option<u64>,
    #[serde(default)]
    claims: Map<String, Value>,
    bad: Option<Bad>,
}

/// Answers with the token alone, for use in scripts. The body is JSON whatever its type is said to be, as `curl -d`
/// says something else.
async fn mint(Extract(state): Extract<Arc<State>>, body: String) -> Response {
    let minted = serde_json::from_str(&body).map_err(anyhow::Error::from).and_then(|asked: Mint| {
        let (bad, claims) = (asked.bad, asked.into_claims());
        bad.map_or_else(|| state.mint(&claims), |bad| state.mint_bad(&claims, bad))
    });
    match minted {
        Ok(token) => token.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")).into_response(),
    }
}

impl Mint {
    fn into_claims(self) -> Claims {
        let mut claims = Claims::of(&self.sub).algorithm(self.alg).with_all(self.claims);
        if let Some(audience) = self.aud {
            claims = claims.audience(audience);
        }
        if let Some(seconds) = self.lifetime {
            claims = claims.lifetime(Duration::from_secs(seconds));
        }
        match self.now {
            Some(now) => claims.now(now),
            None => claims,
        }
    }
}

async fn ailing(Extract(state): Extract<Arc<State>>, request: Request, next: Next) -> Response {
    let mut health = state.health.subscribe();
    let change = health.wait_for(|health| *health != Health::Hanging).await.map(|health| *health);
    let answer = next.run(request).await;
    match change {
        Ok(Health::Garbage) => "<html>It works!</html>".into_response(),
        Ok(Health::Unavailable) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => answer,
    }
}
