//! `POST /v1/leases/{id}/renew`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use crate::config::{Right, Span};
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::extract::{Body, Segment};
use crate::http::leases::{LeaseBody, visible};
use crate::http::problem::{Kind, Problem, ProblemBody, Refusals};

/// How long to extend the lease.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RenewRequest {
    /// How long it is to live from now: `30m`. Default: as long as it lived at first, up to its maximum.
    #[schema(value_type = Option<String>)]
    ttl: Option<Span>,
}

/// Extend a lease, up to its maximum
#[utoipa::path(
    post, path = "/v1/leases/{id}/renew", tag = "leases",
    params(("id" = String, Path, description = "The identifier of the lease")),
    request_body = RenewRequest,
    responses(
        (status = 200, body = LeaseBody),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such lease, or it is not the caller's"),
        (status = 409, body = ProblemBody, content_type = "application/problem+json",
         description = "It has ended, is ending, or has reached its maximum"),
        Refusals,
    )
)]
pub(in crate::http) async fn renew_lease(
    State(web): Web,
    caller: Caller,
    Segment(id): Segment,
    Body(asked): Body<RenewRequest>,
) -> Result<Json<LeaseBody>, Problem> {
    let lease = visible(&web, &caller, &id, Right::Leases).await?;
    // Operators see all leases, but only who may still use the role keeps one alive, and only its own.
    let permit = caller.permit(lease.role.as_str())?;
    if lease.principal != permit.workload().principal {
        return Err(Problem::new(Kind::Forbidden).because("the lease is another workload's"));
    }
    let ttl = asked.ttl.map(|span| span.0);
    let lease = web.app.broker.renew(lease, ttl, &caller.workload.principal, &caller.request).await?;
    Ok(Json(lease.into()))
}
