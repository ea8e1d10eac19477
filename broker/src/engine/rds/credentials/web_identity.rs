//! A role that is assumed with a token that Kubernetes projects: `AssumeRoleWithWebIdentity`
//! (AWS Security Token Service API reference). The call itself is not signed.

use std::path::{Path, PathBuf};

use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, StatusCode};

use crate::engine::BuildError;
use crate::engine::rds::credentials::fetched::Fetch;
use crate::engine::rds::credentials::{Failure, Keys, service};
use crate::secret::Secret;
use crate::tls;

/// Asks the security token service.
pub(super) struct WebIdentity {
    client: Client,
    url: String,
    role_arn: String,
    token_file: PathBuf,
}

impl WebIdentity {
    /// Asks nobody yet.
    pub(super) fn new(
        role_arn: &str,
        token_file: &Path,
        url: Option<&str>,
        ca: Option<&Path>,
        region: &str,
    ) -> Result<Self, BuildError> {
        // "AWS service endpoints": China has a domain of its own.
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = url.map_or_else(|| format!("https://sts.{region}.{domain}/"), str::to_owned);
        let client = service::client().tls_backend_preconfigured(tls::client_config(ca)?).build()?;
        Ok(Self { client, url, role_arn: role_arn.to_owned(), token_file: token_file.to_owned() })
    }

    async fn assume(&self) -> Result<Keys, Failure> {
        let file = self.token_file.display();
        let token = tokio::fs::read_to_string(&self.token_file).await;
        let token = token
            .map(Secret::new)
            .map_err(|error| Failure::Refused(format!("{file} cannot be read: {error}")))?;
        let token = token.expose().trim();
        let form = serde_urlencoded::to_string([
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", &self.role_arn),
            ("RoleSessionName", "dsn-broker"),
            ("WebIdentityToken", token),
        ]);
        let form =
            form.map_err(|error| Failure::Refused(format!("the request cannot be written: {error}")))?;
        let request = self.client.post(&self.url).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let who = format!("the security token service at {}", self.url);
        let (status, body) =
            service::send(&who, request.header(ACCEPT, "application/xml").body(form)).await?;
        if status != StatusCode::OK {
            return Err(refusal(&who, status, body.expose(), token));
        }
        keys(body.expose()).ok_or_else(|| Failure::Unavailable(format!("{who} answers without credentials")))
    }
}

impl Fetch for WebIdentity {
    fn fetch(&self) -> BoxFuture<'_, Result<Keys, Failure>> {
        Box::pin(self.assume())
    }
}

fn keys(xml: &str) -> Option<Keys> {
    Some(Keys {
        access_key_id: element(xml, "AccessKeyId")?,
        secret_access_key: element(xml, "SecretAccessKey").map(Secret::new)?,
        session_token: Some(element(xml, "SessionToken").map(Secret::new)?),
        expires_at: Some(service::moment(&element(xml, "Expiration")?)?),
    })
}

/// Code and message alone, without the token that it may quote.
fn refusal(who: &str, status: StatusCode, xml: &str, token: &str) -> Failure {
    let said = |name| element(xml, name).unwrap_or_default();
    let (code, message) = (said("Code"), said("Message"));
    let message = if token.is_empty() { message } else { message.replace(token, "…") };
    match service::refusal(who, status, format!("{code} {message}").trim()) {
        // The two that pass by themselves, though their status says otherwise.
        Failure::Refused(text) if matches!(code.as_str(), "Throttling" | "IDPCommunicationError") => {
            Failure::Unavailable(text)
        }
        failure => failure,
    }
}

/// The text of the first element of this name, wherever it stands: enough of XML for these answers, which have no
/// attributes, no comments and no CDATA where we look.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    let text = text.trim();
    (!text.is_empty()).then(|| unescape(text))
}

fn unescape(text: &str) -> String {
    let escapes = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_elements_are_found() {
        let xml = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
            <AssumeRoleWithWebIdentityResult><Audience>x</Audience><Credentials>\n  <SessionToken>a&amp;lt;+/=\n</SessionToken>\n\
            <SecretAccessKey>s/e</SecretAccessKey><Expiration>2026-01-02T03:04:05Z</Expiration>\
            <AccessKeyId>ASIA1</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult>\
            </AssumeRoleWithWebIdentityResponse>";
        let found = keys(xml).unwrap();
        assert_eq!(found.access_key_id, "ASIA1");
        assert_eq!(found.secret_access_key, Secret::new("s/e"));
        assert_eq!(found.session_token, Some(Secret::new("a&lt;+/=")));
        assert_eq!(found.expires_at.unwrap().to_rfc3339(), "2026-01-02T03:04:05+00:00");
        for missing in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
            assert!(keys(&xml.replace(missing, "Other")).is_none(), "{missing}");
        }
    }

    #[test]
    fn a_refusal_is_told_without_the_token() {
        let refused = |status: u16, code: &str| {
            let xml = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
                <Message>no: ey.J\nx &amp; y</Message></Error></ErrorResponse>"
            );
            refusal("it", StatusCode::from_u16(status).unwrap(), &xml, "ey.J")
        };
        assert!(matches!(refused(403, "AccessDenied"),
            Failure::Refused(text) if text == "it answers with status 403: AccessDenied no: …x & y"));
        assert!(matches!(refused(400, "IDPCommunicationError"), Failure::Unavailable(_)));
        assert!(matches!(refused(503, "ServiceUnavailable"), Failure::Unavailable(_)));
    }
}
