//! Who gives out keys: the security token service over HTTPS, and a machine's metadata service over HTTP.
//!
//! Sources: AWS STS API reference, `AssumeRoleWithWebIdentity`; Amazon EC2 user guide, "Use IMDSv2".

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::watch;

use super::{Aws, AwsKey};
use crate::ca::Ca;
use crate::serving::{self, Running};
use crate::{blocking, entropy};

/// Both services; they end when this is dropped.
#[derive(Debug)]
pub struct KeyGiver {
    state: Arc<State>,
    sts_url: String,
    imds_url: String,
    _running: Running,
}

/// How keys are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// With so many seconds to live; negative ones have ended.
    Lasting(i64),
    /// Not: with status 500.
    Failing,
    /// Not: the caller may not have them.
    Denied,
    /// Not, nor anything else, until this changes.
    Hanging,
    /// Not: something else comes.
    Garbage,
}

#[derive(Debug)]
struct State {
    aws: Aws,
    users: Vec<String>,
    /// What a caller of the security token service has to show.
    web_token: String,
    /// What a caller of the metadata service has to fetch first.
    session: String,
    given: watch::Sender<Given>,
    requests: AtomicU64,
    last: Mutex<Option<AwsKey>>,
}

impl KeyGiver {
    /// Gives out keys that may sign for these users, an hour long.
    pub async fn start(ca: &Ca, aws: &Aws, users: &[&str]) -> anyhow::Result<Self> {
        let state = Arc::new(State {
            aws: aws.clone(),
            users: users.iter().map(|user| (*user).to_owned()).collect(),
            web_token: format!("eyJ.{}", entropy::password()?),
            session: entropy::password()?,
            given: watch::Sender::new(Given::Lasting(3600)),
            requests: AtomicU64::new(0),
            last: Mutex::default(),
        });
        let ca = ca.clone();
        blocking(move || {
            let ((sts, sts_listeners), (imds, imds_listeners)) = (serving::listen()?, serving::listen()?);
            let sts_url = format!("https://localhost:{}/", sts.number());
            let imds_url = format!("http://127.0.0.1:{}", imds.number());
            let tls = serving::tls(&ca.issue(serving::LOOPBACK)?, serving::HTTP)?;
            let sts_routes = Router::new().route("/", post(assume_role)).with_state(Arc::clone(&state));
            let imds_routes = imds_routes().with_state(Arc::clone(&state));
            let running = serving::run("devstack-aws", move || {
                serving::serve_http(sts_listeners, &sts_routes, Some(&tls))?;
                serving::serve_http(imds_listeners, &imds_routes, None)?;
                Ok((sts, imds))
            })?;
            Ok(Self { state, sts_url, imds_url, _running: running })
        })
        .await
    }

    /// Where the security token service is.
    pub fn sts_url(&self) -> &str {
        &self.sts_url
    }

    /// Where the metadata service is.
    pub fn imds_url(&self) -> &str {
        &self.imds_url
    }

    /// The token for which the security token service gives out keys.
    pub fn web_token(&self) -> &str {
        &self.state.web_token
    }

    /// How keys are given out from now on.
    pub fn set(&self, given: Given) {
        self.state.given.send_replace(given);
    }

    /// How often keys were asked for.
    pub fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// The key that was given out last.
    pub fn last(&self) -> Option<AwsKey> {
        self.state.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    /// A new key, or how it is not given.
    async fn give(&self) -> Result<AwsKey, Given> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut given = self.given.subscribe();
        let given =
            given.wait_for(|given| *given != Given::Hanging).await.map_or(Given::Failing, |given| *given);
        let Given::Lasting(lifetime) = given else { return Err(given) };
        let key = self.aws.temporary_key(&self.users, lifetime).map_err(|_| Given::Failing)?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(key)
    }
}

async fn assume_role(Extract(state): Extract<Arc<State>>, form: String) -> Response {
    let has = |pair: &str| form.split('&').any(|given| given == pair);
    if !has("Action=AssumeRoleWithWebIdentity")
        || !has("Version=2011-06-15")
        || !form.contains("RoleSessionName=")
    {
        return error(StatusCode::BAD_REQUEST, "MissingParameter", "what is wanted?");
    }
    if !has(&format!("WebIdentityToken={}", state.web_token)) {
        return error(StatusCode::BAD_REQUEST, "InvalidIdentityToken", &format!("no good: {form}"));
    }
    match state.give().await {
        Ok(key) => format!(
            "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  \
             <AssumeRoleWithWebIdentityResult>\n    <Audience>sts.amazonaws.com</Audience>\n    <Credentials>\n      \
             <SessionToken>{}</SessionToken>\n      <SecretAccessKey>{}</SecretAccessKey>\n      \
             <Expiration>{}</Expiration>\n      <AccessKeyId>{}</AccessKeyId>\n    </Credentials>\n  \
             </AssumeRoleWithWebIdentityResult>\n</AssumeRoleWithWebIdentityResponse>\n",
            key.session_token.unwrap_or_default(),
            key.secret_access_key,
            moment(key.expires_at.unwrap_or_default()),
            key.access_key_id,
        )
        .into_response(),
        Err(Given::Denied) => error(
            StatusCode::FORBIDDEN,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        Err(Given::Garbage) => "<html>It works!</html>".into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let xml = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
         <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n</ErrorResponse>\n"
    );
    (status, xml).into_response()
}

fn imds_routes() -> Router<Arc<State>> {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    Router::new()
        .route("/latest/api/token", put(imds_session))
        .route(ROLES, get(imds_roles))
        .route(&format!("{ROLES}the-role"), get(imds_key))
}

async fn imds_session(Extract(state): Extract<Arc<State>>, headers: HeaderMap) -> Response {
    if headers.get("x-aws-ec2-metadata-token-ttl-seconds").is_none() {
        return StatusCode::BAD_REQUEST.into_response();
    }
    state.session.clone().into_response()
}

async fn imds_roles(Extract(state): Extract<Arc<State>>, headers: HeaderMap) -> Response {
    if !state.knows(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    "the-role".into_response()
}

async fn imds_key(Extract(state): Extract<Arc<State>>, headers: HeaderMap) -> Response {
    if !state.knows(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match state.give().await {
        Ok(key) => Json(json!({
            "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
            "AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key,
            "Token": key.session_token, "Expiration": moment(key.expires_at.unwrap_or_default()),
        }))
        .into_response(),
        Err(Given::Denied) => Json(json!({ "Code": "AssumeRoleUnauthorizedAccess" })).into_response(),
        Err(Given::Garbage) => "<html>It works!</html>".into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

impl State {
    fn knows(&self, headers: &HeaderMap) -> bool {
        headers.get("x-aws-ec2-metadata-token").is_some_and(|session| session == self.session.as_str())
    }
}

/// `YYYY-MM-DDTHH:MM:SSZ` of seconds since 1970.
fn moment(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments_are_written() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_323_045, "2026-01-02T03:04:05Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(moment(seconds), expected);
        }
    }
}
