//! `GET /v1/roles`

use axum::Json;
use serde::Serialize;

use crate::config::Span;
use crate::dsn::{Format, Mode};
use crate::http::caller::Caller;
use crate::http::problem::{Problem, Refusals};
use crate::model::{CredentialKind, DatabaseName, EndpointName, EngineKind, RoleName, Share};

/// A role that the caller may use.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct RoleBody {
    /// Its name.
    role: RoleName,
    /// The database it opens.
    database: DatabaseName,
    /// What makes its credentials.
    engine: EngineKind,
    /// How they are made.
    credential: CredentialKind,
    /// The ways into the database, the default first.
    endpoints: Vec<EndpointName>,
    /// The formats that its DSN can be had in, the default first.
    formats: Vec<FormatBody>,
    /// Who holds the same credential.
    share: Share,
    /// How long a lease lives.
    ttl: String,
    /// How long a lease lives at most, renewals included.
    max_ttl: String,
}

/// A format of DSNs.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct FormatBody {
    /// Its name.
    name: Format,
    /// What it is for.
    help: &'static str,
}

/// The roles that the caller may use.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Roles {
    /// The roles, by name.
    roles: Vec<RoleBody>,
}

/// List the roles that the caller may use
#[utoipa::path(get, path = "/v1/roles", tag = "dsn", responses((status = 200, body = Roles), Refusals))]
pub(super) async fn list_roles(caller: Caller) -> Result<Json<Roles>, Problem> {
    let names = caller.current.policy.roles(&caller.workload);
    let roles = names.iter().map(|name| role(&caller, name)).collect::<Result<_, _>>()?;
    Ok(Json(Roles { roles }))
}

fn role(caller: &Caller, name: &RoleName) -> Result<RoleBody, Problem> {
    let permit = caller.permit(name.as_str())?;
    let role = permit.role();
    let cleartext = role.is_cleartext(permit.database());
    let formats = Format::for_login(permit.database().protocol(), cleartext, Mode::VerifyFull);
    let formats = formats.map(|format| FormatBody { name: format, help: format.help() });
    Ok(RoleBody {
        role: name.clone(),
        database: role.database.clone(),
        engine: permit.database().engine,
        credential: role.credential.kind(),
        endpoints: role.endpoints_in(permit.database()).into_iter().map(|(name, _)| name.clone()).collect(),
        formats: formats.collect(),
        share: role.share,
        ttl: role.ttl.to_string(),
        max_ttl: Span(role.max_ttl()).to_string(),
    })
}
