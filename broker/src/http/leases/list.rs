//! `GET /v1/leases`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::config::Right;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::extract::{Query, optional_text};
use crate::http::leases::LeaseBody;
use crate::http::problem::{Problem, Refusals};
use crate::id::LeaseId;
use crate::ledger::Filter;
use crate::model::{DatabaseName, IssuerName, LeaseState, RoleName};

/// Which leases to list.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct LeaseQuery {
    /// Operators: of workloads of this issuer.
    issuer: Option<IssuerName>,
    /// Operators: of this subject.
    #[serde(default, deserialize_with = "optional_text")]
    subject: Option<String>,
    /// For this role.
    role: Option<RoleName>,
    /// At this database.
    database: Option<DatabaseName>,
    /// In this state.
    state: Option<LeaseState>,
    /// The `next` of the page before.
    cursor: Option<LeaseId>,
    /// How many at most: 1 to 1000. Default: 100.
    limit: Option<u32>,
}

/// A page of leases, the newest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct LeasePage {
    /// The leases.
    leases: Vec<LeaseBody>,
    /// The cursor of the next page; absent on the last one.
    next: Option<LeaseId>,
}

/// List own leases; operators list all
#[utoipa::path(
    get, path = "/v1/leases", tag = "leases", params(LeaseQuery),
    responses((status = 200, body = LeasePage), Refusals)
)]
pub(in crate::http) async fn list_leases(
    State(web): Web,
    caller: Caller,
    Query(query): Query<LeaseQuery>,
) -> Result<Json<LeasePage>, Problem> {
    let LeaseQuery { issuer, subject, role, database, state, cursor, limit } = query;
    let limit = limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "use 1 to 1000"));
    }
    let (issuer, subject) = if caller.has(Right::Leases) {
        (issuer, subject)
    } else if issuer.is_some() || subject.is_some() {
        return Err(caller.operate(Right::Leases).err().unwrap_or(Problem::invalid("issuer", "not granted")));
    } else {
        let own = &caller.workload.principal;
        (Some(own.issuer.clone()), Some(own.subject.clone()))
    };
    let filter = Filter { issuer, subject, role, database, state, live: false, before: cursor };
    let leases = web.app.broker.ledger.leases(&filter, limit).await?;
    let full = leases.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = leases.last().filter(|_| full).map(|lease| lease.id);
    Ok(Json(LeasePage { leases: leases.into_iter().map(LeaseBody::from).collect(), next }))
}
