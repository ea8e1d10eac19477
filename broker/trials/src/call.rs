//! One call to one replica.

use std::sync::Arc;

use devstack::{Algorithm, Claims};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::journal::{Journal, Received, now};
use crate::replica::Replica;
use crate::setting::Setting;

/// Someone who calls, with a proof of identity that is renewed in time.
pub(crate) struct Caller {
    pub(crate) subject: String,
    instance: String,
    setting: Arc<Setting>,
    journal: Arc<Journal>,
    token: Option<(Instant, String)>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    request: String,
}

/// A DSN, as received.
#[derive(Clone, Debug)]
pub(crate) struct Dsn {
    pub(crate) lease: String,
    pub(crate) user: String,
    pub(crate) engine: String,
    pub(crate) shared: bool,
    pub(crate) parameters: Value,
}

impl Caller {
    pub(crate) fn new(setting: &Arc<Setting>, journal: &Arc<Journal>, subject: &str, instance: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            instance: instance.to_owned(),
            setting: setting.clone(),
            journal: journal.clone(),
            token: None,
        }
    }

    /// Asks `replica` for a DSN, and notes it if one comes.
    pub(crate) async fn dsn(&mut self, replica: &Replica, role: &str) -> Option<Dsn> {
        let ca = self.setting.world.ca_path().display();
        let path = format!("/v1/dsn/{role}?ca_file={ca}");
        let began = Instant::now();
        let answer = self.call(replica, "dsn", Method::GET, &path, None).await?;
        self.journal.notes().took.push(began.elapsed());
        self.note(replica, role, &answer)
    }

    /// Asks for one that nobody else gets.
    pub(crate) async fn fresh(&mut self, replica: &Replica, role: &str) -> Option<Dsn> {
        let body = json!({ "fresh": true, "ca_file": self.setting.world.ca_path() });
        let answer =
            self.call(replica, "fresh", Method::POST, &format!("/v1/dsn/{role}"), Some(body)).await?;
        self.note(replica, role, &answer)
    }

    fn note(&self, replica: &Replica, role: &str, answer: &Answer) -> Option<Dsn> {
        if answer.status != 200 {
            return None;
        }
        let text = |pointer: &str| answer.body.pointer(pointer)?.as_str().map(str::to_owned);
        let (Some(lease), Some(user), Some(engine)) =
            (text("/lease_id"), text("/parameters/user"), text("/engine"))
        else {
            self.journal
                .wrong(format!("{replica} answered with no lease, no user or no engine: {}", answer.body));
            return None;
        };
        self.journal.notes().received.push(Received {
            lease: lease.clone(),
            user: user.clone(),
            role: role.to_owned(),
            request: answer.request.clone(),
            replica: replica.number,
            at: now(),
        });
        let shared = answer.body.get("shared") == Some(&Value::Bool(true));
        let parameters = answer.body.get("parameters").cloned().unwrap_or_default();
        Some(Dsn { lease, user, engine, shared, parameters })
    }

    /// Calls `replica`, if it is there; `None` if nothing comes back.
    pub(crate) async fn call(
        &mut self,
        replica: &Replica,
        asked: &'static str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Answer> {
        let (url, from) = (replica.url()?, now());
        let proof = self.proof()?;
        let request = self.setting.client.request(method, format!("{url}{path}"));
        let request = request.bearer_auth(proof).header("dsn-instance", &self.instance);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            let id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
            let request = id.unwrap_or_default().to_owned();
            Ok::<_, reqwest::Error>((status, request, response.text().await?))
        };
        let (status, request, text) = match answer.await {
            Ok(answer) => answer,
            // It died, or stood still for longer than anybody waits.
            Err(error) => {
                self.journal.answered(
                    asked,
                    from,
                    if error.is_timeout() { "no answer in time" } else { "no answer" },
                );
                return None;
            }
        };
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let problem = body.get("type").and_then(Value::as_str).unwrap_or_default();
        self.journal.answered(asked, from, format!("{status} {problem}").trim_end());
        if !EXPECTED.contains(&status) {
            self.journal
                .wrong(format!("{replica} answered {asked} with {status} (request {request}): {text}"));
        }
        Some(Answer { status, body, request })
    }

    fn proof(&mut self) -> Option<String> {
        if let Some((made, token)) = &self.token
            && made.elapsed() < FRESH
        {
            return Some(token.clone());
        }
        let claims = Claims::of(&self.subject).algorithm(Algorithm::EdDsa).lifetime(FRESH * 2);
        let minted = self.setting.world.oidc().mint(&claims);
        let minted =
            minted.map_err(|error| self.journal.wrong(format!("the issuer does not mint: {error:#}")));
        let token = minted.ok()?;
        self.token = Some((Instant::now(), token.clone()));
        Some(token)
    }
}

/// What a caller with every right may hear: all else means that the broker has a defect.
///
/// 404 and 409: the lease has ended. 502 to 504: the engine, the ledger, or we ourselves are in trouble.
const EXPECTED: [u16; 6] = [200, 404, 409, 502, 503, 504];

/// After how long a caller gets a new token.
const FRESH: Duration = Duration::from_secs(300);
