//! The role of the machine: the instance metadata service, version 2
//! (Amazon EC2 user guide, "Retrieve security credentials from instance metadata").

use futures_util::future::BoxFuture;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;

use crate::engine::BuildError;
use crate::engine::rds::credentials::fetched::Fetch;
use crate::engine::rds::credentials::{Failure, Keys, service};
use crate::secret::Secret;
use crate::tls;

/// Asks the metadata service.
pub(super) struct InstanceRole {
    client: Client,
    url: String,
}

impl InstanceRole {
    /// Asks nobody yet.
    pub(super) fn new(url: Option<&str>) -> Result<Self, BuildError> {
        tls::provider();
        // Never through a proxy, which would be asked for its own machine's role; never with TLS, which it does not speak.
        let client = service::client().no_proxy().tls_certs_only([]).build()?;
        Ok(Self { client, url: url.unwrap_or(DEFAULT).trim_end_matches('/').to_owned() })
    }

    async fn ask(&self) -> Result<Keys, Failure> {
        let token = self.client.put(format!("{}/latest/api/token", self.url));
        let token = self.send(token.header("x-aws-ec2-metadata-token-ttl-seconds", "60")).await?;
        let get = |path: &str| {
            let request = self.client.get(format!("{}{ROLES}{path}", self.url));
            self.send(request.header("x-aws-ec2-metadata-token", token.expose()))
        };
        let roles = get("").await?;
        let role = roles.expose().lines().next().unwrap_or_default().trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte);
        if role.is_empty() || !role.bytes().all(plain) {
            return Err(Failure::Refused(format!("{} names no role: has the machine one?", self.who())));
        }
        let answer = get(role).await?;
        keys(answer.expose()).map_err(|what| Failure::Unavailable(format!("{} {what}", self.who())))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Secret, Failure> {
        let (status, body) = service::send(&self.who(), request).await?;
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::NOT_FOUND => Err(service::refusal(&self.who(), status, "has the machine a role?")),
            _ => Err(service::refusal(&self.who(), status, "")),
        }
    }

    fn who(&self) -> String {
        format!("the instance metadata service at {}", self.url)
    }
}

impl Fetch for InstanceRole {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, Failure>> {
        Box::pin(self.ask())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    code: String,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    secret_access_key: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    expiration: String,
}

fn keys(text: &str) -> Result<Keys, String> {
    let answer: Answer = serde_json::from_str(text).map_err(|_| "answers with something else".to_owned())?;
    let (secret, token) = (Secret::new(answer.secret_access_key), Secret::new(answer.token));
    if answer.code != "Success" {
        let code: String = answer.code.chars().filter(|letter| !letter.is_control()).take(100).collect();
        return Err(format!("gives no credentials: {code}"));
    }
    let expires_at = service::moment(&answer.expiration).ok_or("does not say when its credentials end")?;
    if [&answer.access_key_id, secret.expose(), token.expose()].iter().any(|part| part.is_empty()) {
        return Err("answers without credentials".to_owned());
    }
    Ok(Keys {
        access_key_id: answer.access_key_id,
        secret_access_key: secret,
        session_token: Some(token),
        expires_at: Some(expires_at),
    })
}

const DEFAULT: &str = "http://169.254.169.254";

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
