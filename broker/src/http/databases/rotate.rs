//! `POST /v1/databases/{name}/rotate`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::config::Right;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::databases::named;
use crate::http::extract::{Body, Segment};
use crate::http::problem::{Kind, Problem, ProblemBody, Refusals};
use crate::id::LeaseId;
use crate::ledger::Entry;
use crate::model::{Action, DatabaseName, Event, RoleName};

/// Which password to rotate.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RotationRequest {
    /// That of this role, which must be a `rotated_password` of the database.
    role: RoleName,
}

/// What was rotated.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct RotationAnswer {
    /// The database.
    database: DatabaseName,
    /// The role.
    role: RoleName,
    /// The lease of the new password. The one before stays good for the role's `ttl`.
    lease_id: LeaseId,
}

/// Rotate a password now
///
/// The password before stays good for the role's `ttl`, as it was promised; while that of the time before is still
/// promised to somebody, the answer is 503 and says when to ask again.
#[utoipa::path(
    post, path = "/v1/databases/{name}/rotate", tag = "operators",
    params(("name" = String, Path, description = "The name of the database")),
    request_body = RotationRequest,
    responses(
        (status = 200, body = RotationAnswer),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such database"),
        Refusals,
    )
)]
pub(in crate::http) async fn rotate_password(
    State(web): Web,
    caller: Caller,
    Segment(name): Segment,
    Body(asked): Body<RotationRequest>,
) -> Result<Json<RotationAnswer>, Problem> {
    let operator = caller.operate(Right::Rotate)?;
    let database = named(&name)?;
    if !caller.current.config.databases.contains_key(&database) {
        return Err(Problem::new(Kind::NotFound));
    }
    let rotated = caller.current.policy.rotated();
    let permit =
        rotated.iter().find(|permit| *permit.name() == asked.role && *permit.database_name() == database);
    let permit =
        permit.ok_or_else(|| Problem::invalid("role", "it is not a rotated_password of this database"))?;
    let mut event = Event::new(web.app.clock.now(), Action::RotationRequested)
        .by(operator.principal())
        .in_request(&caller.request);
    event.role = Some(asked.role.clone());
    event.database = Some(database.clone());
    // On record before it is done.
    let _ = web.app.broker.ledger.write(Entry::events([event])).await?;
    let lease_id = web.app.broker.rotate(permit, &caller.request).await?;
    Ok(Json(RotationAnswer { database, role: asked.role, lease_id }))
}
