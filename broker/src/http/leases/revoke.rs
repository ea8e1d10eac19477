//! `DELETE /v1/leases/{id}`

use axum::Json;
use axum::extract::State;

use crate::broker::Revocation;
use crate::config::Right;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::extract::Segment;
use crate::http::leases::{LeaseBody, visible};
use crate::http::problem::{Problem, ProblemBody, Refusals};
use crate::model::Reason;

/// Revoke a lease now, its sessions ended
///
/// All who share the lease lose it. The answer's `state` is `revoked`, or, where the database could not be told
/// yet, `draining`: then the lease is not delivered any more, and the broker tells the database as soon as it can.
#[utoipa::path(
    delete, path = "/v1/leases/{id}", tag = "leases",
    params(("id" = String, Path, description = "The identifier of the lease")),
    responses(
        (status = 200, body = LeaseBody),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such lease, or it is not the caller's"),
        Refusals,
    )
)]
pub(in crate::http) async fn revoke_lease(
    State(web): Web,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<LeaseBody>, Problem> {
    let lease = visible(&web, &caller, &id, Right::Revoke).await?;
    let by = &caller.workload.principal;
    let reason = if lease.principal == *by { Reason::Released } else { Reason::Incident };
    let why = Revocation { by, reason, note: None, request: &caller.request };
    Ok(Json(web.app.broker.revoke(lease.id, &why).await?.into()))
}
