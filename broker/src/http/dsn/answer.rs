//! The answer: a DSN with its parts and times.

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::broker::Issued;
use crate::dsn::{Format, Parameters};
use crate::http::answer::Exposed;
use crate::http::dsn::target::{Place, application_name, refusal};
use crate::http::problem::Problem;
use crate::id::LeaseId;
use crate::model::{CredentialKind, DatabaseName, EndpointName, EngineKind, RoleName};
use crate::policy::Permit;
use crate::time::Timestamp;

/// A DSN with its parts and times.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct DsnAnswer {
    /// The lease.
    lease_id: LeaseId,
    /// The role.
    role: RoleName,
    /// The database.
    database: DatabaseName,
    /// What made the credential.
    engine: EngineKind,
    /// How it was made.
    credential: CredentialKind,
    /// The way into the database.
    endpoint: EndpointName,
    /// The format of `dsn`.
    format: Format,
    /// The DSN.
    #[schema(value_type = String)]
    dsn: Exposed,
    /// The same in parts: `host`, `port`, `user`, `password`, `dbname`, `sslmode`, …
    #[schema(value_type = Object)]
    parameters: Parts,
    /// The CA to trust, PEM; null where it is the operating system's.
    ca_pem: Option<String>,
    /// Whether others hold the same credential. A shared lease is never to be revoked on the way out.
    shared: bool,
    /// When the credential was made.
    #[schema(value_type = String, format = DateTime)]
    issued_at: Timestamp,
    /// When to ask again: from then on there is a successor.
    #[schema(value_type = String, format = DateTime)]
    refresh_after: Timestamp,
    /// When the credential ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Up to when the lease can be renewed.
    #[schema(value_type = String, format = DateTime)]
    max_expires_at: Timestamp,
    /// Whether the lease can be renewed.
    renewable: bool,
    #[serde(skip)]
    media_type: &'static str,
}

/// The parameters of the connection, the secret among them.
struct Parts(Vec<(&'static str, Part)>);

#[derive(Serialize)]
#[serde(untagged)]
enum Part {
    Text(Exposed),
    Number(u64),
}

impl Serialize for Parts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, part) in &self.0 {
            map.serialize_entry(key, part)?;
        }
        map.end()
    }
}

impl DsnAnswer {
    pub(super) fn render(
        permit: &Permit,
        place: &Place<'_>,
        format: Format,
        issued: &Issued,
    ) -> Result<Self, Problem> {
        let entry = &issued.entry;
        let application_name = application_name(permit, issued);
        let credential = &entry.credential;
        let target = place.target(&credential.username, &credential.password, &application_name);
        let rendered = format.render(&target).map_err(refusal)?;
        let parameters = Parameters::of(&target).map_err(refusal)?;
        Ok(Self {
            lease_id: entry.lease,
            role: permit.name().clone(),
            database: permit.database_name().clone(),
            engine: permit.database().engine,
            credential: permit.role().credential.kind(),
            endpoint: place.name.clone(),
            format,
            parameters: Parts::of(&parameters),
            ca_pem: rendered.ca_pem.map(str::to_owned),
            dsn: Exposed(rendered.text),
            shared: issued.shared,
            issued_at: entry.times.issued_at,
            refresh_after: entry.times.refresh_after,
            expires_at: entry.times.expires_at,
            max_expires_at: entry.times.max_expires_at,
            renewable: entry.times.expires_at < entry.times.max_expires_at,
            media_type: format.media_type(),
        })
    }

    pub(super) fn into_json(self) -> Response {
        Json(self).into_response()
    }

    /// The rendered text alone; the times are in headers.
    pub(super) fn into_text(self) -> Response {
        let mut response = self.dsn.0.expose().to_owned().into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media_type));
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

impl Parts {
    fn of(parameters: &Parameters<'_>) -> Self {
        use crate::dsn::Value;
        let part = |value| match value {
            Value::Text(text) => Part::Text(Exposed(crate::secret::Secret::new(text))),
            Value::Number(number) => Part::Number(number),
        };
        Self(parameters.expose().map(|(parameter, value)| (parameter.keyword(), part(value))).collect())
    }
}

fn rfc3339(moment: Timestamp) -> String {
    moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}
