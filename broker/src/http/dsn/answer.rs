//! The answer: a DSN with its parts and times.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

use crate::broker::Issued;
use crate::dsn::reader::Capabilities;
use crate::dsn::{Format, Parameters};
use crate::http::answer::Exposed;
use crate::http::dsn::target::{Way, application_name, refusal};
use crate::http::problem::{Kind, Problem};
use crate::id::LeaseId;
use crate::model::{CredentialKind, DatabaseName, EndpointName, EngineKind, RoleName};
use crate::policy::Permit;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A DSN with its parts and times.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct DsnAnswer<'a> {
    /// The lease.
    lease_id: LeaseId,
    /// The role.
    role: &'a RoleName,
    /// The database.
    database: &'a DatabaseName,
    /// What made the credential.
    engine: EngineKind,
    /// How it was made.
    credential: CredentialKind,
    /// The way into the database.
    endpoint: &'a EndpointName,
    /// The format of `dsn`.
    format: Format,
    /// The DSN.
    #[schema(value_type = String)]
    dsn: Exposed<'a>,
    /// The same in parts: `host`, `port`, `user`, `password`, `dbname`, `sslmode`, …
    #[schema(value_type = Object)]
    parameters: Parts<'a>,
    /// What the reader of this format makes of the settings.
    capabilities: Capabilities,
    /// The lines of code that open a session with `dsn`; empty where it is for programs that have their own.
    code: &'static str,
    /// The versions that those who read `dsn` have to have, and what for.
    needs: &'a [&'static str],
    /// The CA to trust, PEM; null where it is the operating system's.
    ca_pem: Option<&'a str>,
    /// Whether others hold the same credential. A shared lease is never to be revoked on the way out.
    shared: bool,
    /// When the credential was made.
    #[schema(value_type = String, format = DateTime)]
    #[serde(serialize_with = "as_rfc3339")]
    issued_at: Timestamp,
    /// When to ask again: from then on there is a successor.
    #[schema(value_type = String, format = DateTime)]
    #[serde(serialize_with = "as_rfc3339")]
    refresh_after: Timestamp,
    /// When the credential ends.
    #[schema(value_type = String, format = DateTime)]
    #[serde(serialize_with = "as_rfc3339")]
    expires_at: Timestamp,
    /// Up to when the lease can be renewed.
    #[schema(value_type = String, format = DateTime)]
    #[serde(serialize_with = "as_rfc3339")]
    max_expires_at: Timestamp,
    /// Whether the lease can be renewed.
    renewable: bool,
}

/// The parameters of the connection, the secret among them.
struct Parts<'a>(&'a Parameters<'a>);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.expose_by_keyword())
    }
}

/// How the answer is written.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// The DSN with its parts and times.
    Json,
    /// The DSN alone; the times are in headers.
    Text,
}

/// Renders what was issued for this place.
pub(super) fn render(
    permit: &Permit,
    way: &Way<'_>,
    format: Format,
    issued: &Issued,
    shape: Shape,
) -> Result<Response, Problem> {
    match shape {
        Shape::Text => with_answer(permit, way, format, issued, |answer| Ok(answer.as_text())),
        Shape::Json => {
            let json = || with_answer(permit, way, format, issued, |answer| answer.as_json());
            // What is kept of an answer has the times of the lease in it.
            let text = match issued.times == issued.entry.times {
                true => issued.entry.rendered(way.asked(format), json)?,
                false => Arc::new(json()?),
            };
            let body = Bytes::from_owner(Body(text));
            Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
        }
    }
}

/// The bytes of an answer, which others may be sent at the same time.
struct Body(Arc<Secret>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose().as_bytes()
    }
}

fn with_answer<T>(
    permit: &Permit,
    way: &Way<'_>,
    format: Format,
    issued: &Issued,
    write: impl FnOnce(&DsnAnswer<'_>) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let entry = &issued.entry;
    let application_name = application_name(permit, issued);
    let target = way.target(format, &entry.credential, &application_name)?;
    let rendered = format.render(&target).map_err(refusal)?;
    write(&DsnAnswer {
        lease_id: entry.lease,
        role: permit.name(),
        database: permit.database_name(),
        engine: permit.database().engine,
        credential: permit.role().credential.kind(),
        endpoint: way.name,
        format,
        parameters: Parts(&rendered.parameters),
        capabilities: rendered.reader.capabilities(),
        code: rendered.code,
        needs: &rendered.needs,
        ca_pem: rendered.ca_pem,
        dsn: Exposed(&rendered.text),
        shared: issued.shared,
        issued_at: issued.times.issued_at,
        refresh_after: issued.times.refresh_after,
        expires_at: issued.times.expires_at,
        max_expires_at: issued.times.max_expires_at,
        renewable: issued.times.expires_at < issued.times.max_expires_at,
    })
}

impl DsnAnswer<'_> {
    fn as_json(&self) -> Result<Secret, Problem> {
        // Large enough: growing would leave copies behind. What is kept of it is as long as it is.
        let mut text = Vec::with_capacity(ROOM + 2 * self.ca_pem.map_or(0, str::len));
        let failed = |error: &dyn std::error::Error| Problem::new(Kind::Internal).because(error);
        serde_json::to_writer(&mut text, self).map_err(|error| failed(&error))?;
        let text = String::from_utf8(text).map(Secret::new).map_err(|error| failed(&error.utf8_error()))?;
        Ok(Secret::new(text.expose()))
    }

    fn as_text(&self) -> Response {
        let mut response = self.dsn.0.expose().to_owned().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.format.media_type()));
        let named = [
            ("dsn-lease-id", self.lease_id.to_string()),
            ("dsn-expires-at", rfc3339(self.expires_at)),
            ("dsn-refresh-after", rfc3339(self.refresh_after)),
        ];
        for (name, value) in named {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// Enough for an answer with a token as its password, but without a CA.
const ROOM: usize = 8 * 1024;

/// As chrono would, at a fraction of its cost.
fn as_rfc3339<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

fn rfc3339(moment: Timestamp) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
