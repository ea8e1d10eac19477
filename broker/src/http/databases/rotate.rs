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
use crate::policy::Permit;

/// Which password to rotate.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct RotationRequest {
    /// That of this role, which must be a `rotated_password` of the database. Without: that of the broker's own user.
    role: Option<RoleName>,
}

/// What was rotated.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct RotationAnswer {
    /// The database.
    database: DatabaseName,
    /// The role; null where it was the password of the broker's own user.
    role: Option<RoleName>,
    /// The lease of the role's new password. The one before stays good for the role's `ttl`.
    lease_id: Option<LeaseId>,
}

/// Rotate a password now
///
/// That of the broker's own user is changed at once, and kept sealed in the ledger: from then on the one in the
/// configuration is used only where that one is refused. Of a role, the password before stays good for the role's `ttl`, as it was promised; while that of the time before is still
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
    let site = web.app.broker.sites.load().get(&database).cloned();
    let site = site.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let rotated = caller.current.policy.rotated();
    let is_it =
        |permit: &&Permit| Some(permit.name()) == asked.role.as_ref() && *permit.database_name() == database;
    let permit = rotated.iter().find(is_it);
    if asked.role.is_some() && permit.is_none() {
        return Err(Problem::invalid("role", "it is not a rotated_password of this database"));
    }
    let mut event = Event::new(web.app.clock.now(), Action::RotationRequested)
        .by(operator.principal())
        .in_request(&caller.request);
    event.role = asked.role.clone();
    event.database = Some(database.clone());
    // On record before it is done.
    let _ = web.app.broker.ledger.write(Entry::events([event])).await?;
    let lease_id = match permit {
        Some(permit) => Some(web.app.broker.rotate(permit, &caller.request).await?),
        None => web.app.broker.rotate_admin(&site).await.map(|()| None)?,
    };
    Ok(Json(RotationAnswer { database, role: asked.role, lease_id }))
}
