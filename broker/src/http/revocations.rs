//! `POST /v1/revocations`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::broker::Revocation;
use crate::config::Right;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::extract::{Body, optional_text, plain_text};
use crate::http::problem::{Problem, Refusals};
use crate::ledger::Filter;
use crate::model::{DatabaseName, IssuerName, Reason, RoleName};

/// Which leases to revoke: those to which every given part applies. At least one part.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationRequest {
    /// Of workloads of this issuer.
    issuer: Option<IssuerName>,
    /// Of this subject.
    #[serde(default, deserialize_with = "optional_text")]
    subject: Option<String>,
    /// For this role.
    role: Option<RoleName>,
    /// At this database.
    database: Option<DatabaseName>,
    /// Why, for the record.
    #[serde(deserialize_with = "plain_text")]
    reason: String,
}

/// What was revoked.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RevocationAnswer {
    /// How many leases end. None of them is delivered any more; their sessions are being ended.
    revoked: u64,
}

/// Revoke all leases of a workload, role, database or issuer: the answer to an incident
#[utoipa::path(
    post, path = "/v1/revocations", tag = "operators",
    request_body = RevocationRequest, responses((status = 200, body = RevocationAnswer), Refusals)
)]
pub(super) async fn request_revocations(
    State(web): Web,
    caller: Caller,
    Body(asked): Body<RevocationRequest>,
) -> Result<Json<RevocationAnswer>, Problem> {
    let permit = caller.operate(Right::Revoke)?;
    let RevocationRequest { issuer, subject, role, database, reason } = asked;
    if issuer.is_none() && subject.is_none() && role.is_none() && database.is_none() {
        return Err(Problem::invalid("body", "name at least one of issuer, subject, role, database"));
    }
    if reason.trim().is_empty() {
        return Err(Problem::invalid("reason", "say why, for the record"));
    }
    let filter = Filter { issuer, subject, role, database, ..Filter::default() };
    let why = Revocation {
        by: permit.principal(),
        reason: Reason::Incident,
        note: Some(&reason),
        request: &caller.request,
    };
    let revoked = web.app.broker.revoke_all(filter, &why).await?;
    Ok(Json(RevocationAnswer { revoked }))
}
