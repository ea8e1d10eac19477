//! `GET /v1/databases/{name}`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::config::Right;
use crate::engine::{EngineError, RoleInfo, ServerInfo, Site};
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::databases::list::{DatabaseSummary, summary};
use crate::http::databases::named;
use crate::http::extract::Segment;
use crate::http::problem::{Kind, Problem, ProblemBody, Refusals};
use crate::ledger::Stuck;
use crate::model::RoleName;

/// A database, as it says itself.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct DatabaseBody {
    #[serde(flatten)]
    summary: DatabaseSummary,
    /// What the server is; null if it does not answer.
    server: Option<ServerInfo>,
    /// What is wrong, if it does not answer.
    error: Option<String>,
    /// What its roles can really do.
    roles: BTreeMap<RoleName, RoleReport>,
    /// The credentials that could not be ended so far, at most 100.
    stuck_revocations: Vec<Stuck>,
    /// The users of ours that no lease accounts for.
    orphans_found: Vec<String>,
}

/// What a role can really do, or why that is not known.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum RoleReport {
    /// What it can do.
    Known(RoleInfo),
    /// Why that is not known.
    Unknown {
        /// What went wrong.
        error: String,
    },
}

/// Ask a database how it is and what its roles can really do
#[utoipa::path(
    get, path = "/v1/databases/{name}", tag = "operators",
    params(("name" = String, Path, description = "The name of the database")),
    responses(
        (status = 200, body = DatabaseBody),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "There is no such database"),
        Refusals,
    )
)]
pub(in crate::http) async fn show_database(
    State(web): Web,
    caller: Caller,
    Segment(name): Segment,
) -> Result<Json<DatabaseBody>, Problem> {
    caller.operate(Right::Leases)?;
    let sites = web.app.broker.sites.load_full();
    let site = sites.get(&named(&name)?).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let asked = site.call(site.engine.inspection.server()).await;
    let (server, error) = match asked {
        Ok(server) => (Some(server), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let roles = if server.is_some() { roles(&caller, site).await } else { BTreeMap::new() };
    Ok(Json(DatabaseBody {
        summary: summary(&web, site).await?,
        server,
        error,
        roles,
        stuck_revocations: web.app.broker.ledger.stuck(&site.name, 100).await?,
        orphans_found: web.app.sweeper.found(&site.name),
    }))
}

async fn roles(caller: &Caller, site: &Site) -> BTreeMap<RoleName, RoleReport> {
    let mut reports = BTreeMap::new();
    for (name, role) in &caller.current.config.roles {
        if role.database == site.name {
            let inspected = site.engine.inspection.role(&role.credential);
            let asked: Result<RoleInfo, EngineError> = site.call(inspected).await;
            let report = asked
                .map_or_else(|error| RoleReport::Unknown { error: error.to_string() }, RoleReport::Known);
            reports.insert(name.clone(), report);
        }
    }
    reports
}
