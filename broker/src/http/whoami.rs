//! `GET /v1/whoami`

use axum::Json;
use serde::Serialize;

use crate::config::Right;
use crate::http::caller::Caller;
use crate::http::problem::Refusals;
use crate::model::{Claims, RoleName};

/// What the broker verified about the caller.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct WhoAmI {
    /// The issuer that vouches for the caller, by its name in the broker's configuration.
    issuer: String,
    /// Who the caller is there.
    subject: String,
    /// Which instance of the workload calls, as far as the proof says.
    instance: Option<String>,
    /// The verified attributes.
    #[schema(value_type = Object)]
    claims: Claims,
    /// The roles that the caller may use.
    roles: Vec<RoleName>,
    /// What the caller may do as an operator.
    may: Vec<Right>,
}

/// What the broker verified about the caller
#[utoipa::path(get, path = "/v1/whoami", tag = "identity", responses((status = 200, body = WhoAmI), Refusals))]
pub(super) async fn whoami(caller: Caller) -> Json<WhoAmI> {
    let policy = &caller.current.policy;
    let (roles, may) = (policy.roles(&caller.workload), policy.rights(&caller.workload));
    let workload = &caller.workload;
    Json(WhoAmI {
        issuer: workload.principal.issuer.to_string(),
        subject: workload.principal.subject.clone(),
        instance: workload.instance.clone(),
        claims: workload.claims.clone(),
        roles,
        may: may.into_iter().collect(),
    })
}
