//! `GET /v1/leases/{id}`

use axum::Json;
use axum::extract::State;

use crate::config::Right;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::extract::Segment;
use crate::http::leases::{LeaseBody, visible};
use crate::http::problem::{Problem, ProblemBody, Refusals};

/// Show a lease
#[utoipa::path(
    get, path = "/v1/leases/{id}", tag = "leases",
    params(("id" = String, Path, description = "The identifier of the lease")),
    responses(
        (status = 200, body = LeaseBody),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such lease, or it is not the caller's"),
        Refusals,
    )
)]
pub(in crate::http) async fn show_lease(
    State(web): Web,
    caller: Caller,
    Segment(id): Segment,
) -> Result<Json<LeaseBody>, Problem> {
    Ok(Json(visible(&web, &caller, &id, Right::Leases).await?.into()))
}
