//! `GET /v1/databases`

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::config::Right;
use crate::engine::Site;
use crate::http::Web;
use crate::http::caller::Caller;
use crate::http::problem::{Problem, Refusals};
use crate::model::{CredentialKind, DatabaseName, EndpointName, EngineKind};

/// A database, as far as it is known without asking it.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct DatabaseSummary {
    /// Its name.
    pub(super) database: DatabaseName,
    /// What makes credentials for it.
    pub(super) engine: EngineKind,
    /// The kinds of credential that can be made.
    pub(super) credentials: Vec<CredentialKind>,
    /// The ways into it.
    pub(super) endpoints: Vec<EndpointName>,
    /// Whether it answered lately, or has not been asked yet.
    pub(super) reachable: bool,
    /// How many credentials could not be ended so far (1000 stands for that or more).
    pub(super) stuck: usize,
    /// How many users of ours no lease accounts for.
    pub(super) orphans: usize,
}

/// All databases.
#[derive(Serialize, utoipa::ToSchema)]
pub(in crate::http) struct Databases {
    /// The databases, by name.
    databases: Vec<DatabaseSummary>,
}

/// List all databases, with how they are
#[utoipa::path(get, path = "/v1/databases", tag = "operators", responses((status = 200, body = Databases), Refusals))]
pub(in crate::http) async fn list_databases(
    State(web): Web,
    caller: Caller,
) -> Result<Json<Databases>, Problem> {
    caller.operate(Right::Leases)?;
    let mut databases = Vec::new();
    for site in web.app.broker.sites.load_full().values() {
        databases.push(summary(&web, site).await?);
    }
    Ok(Json(Databases { databases }))
}

pub(super) async fn summary(web: &crate::http::Shared, site: &Site) -> Result<DatabaseSummary, Problem> {
    Ok(DatabaseSummary {
        database: site.name.clone(),
        engine: site.config.engine,
        credentials: site.engine.kinds(),
        endpoints: site.config.endpoints.keys().cloned().collect(),
        reachable: !site.is_down(),
        stuck: web.app.broker.ledger.stuck(&site.name, 1000).await?.len(),
        orphans: web.app.sweeper.found(&site.name).len(),
    })
}
