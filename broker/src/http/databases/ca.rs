//! `GET /v1/databases/{name}/ca.pem`

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::config::{Endpoint, Right, Verified};
use crate::http::caller::Caller;
use crate::http::databases::named;
use crate::http::extract::{Query, Segment};
use crate::http::problem::{Kind, Problem, ProblemBody, Refusals};
use crate::model::{DatabaseName, EndpointName};

/// Which endpoint's CA.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct CaQuery {
    /// The endpoint; where a proxy stands in front of it, that one's CA. Default: `primary`, or else the first.
    endpoint: Option<EndpointName>,
}

/// Fetch the CA of a database, for callers that need it as a file
///
/// For all who may use a role of the database, and for operators.
#[utoipa::path(
    get, path = "/v1/databases/{name}/ca.pem", tag = "dsn",
    params(("name" = String, Path, description = "The name of the database"), CaQuery),
    responses(
        (status = 200, description = "The certificates, PEM", body = String, content_type = "application/x-pem-file"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json",
         description = "The endpoint's certificate is signed by an authority of the operating system"),
        Refusals,
    )
)]
pub(in crate::http) async fn database_ca(
    caller: Caller,
    Segment(name): Segment,
    Query(query): Query<CaQuery>,
) -> Result<Response, Problem> {
    let name = named(&name);
    let roles = caller.current.policy.roles(&caller.workload);
    let config = &caller.current.config;
    let is_it = |database: &DatabaseName| name.as_ref().is_ok_and(|name| name == database);
    let uses = roles.iter().any(|role| config.roles.get(role).is_some_and(|role| is_it(&role.database)));
    if !uses {
        caller.operate(Right::Leases)?;
    }
    let name = name?;
    let unknown = || Problem::new(Kind::NotFound);
    let database = config.databases.get(&name).ok_or_else(unknown)?;
    let endpoint = match query.endpoint {
        Some(endpoint) => endpoint,
        None => {
            let primary = database.endpoints.keys().find(|name| name.as_str() == "primary");
            primary.or_else(|| database.endpoints.keys().next()).cloned().ok_or_else(unknown)?
        }
    };
    let plaintext = |endpoint: &Endpoint| endpoint.for_clients(database) == Verified::Nothing;
    let pem = caller.current.ca(&name, &endpoint).ok_or_else(|| {
        unknown().telling(match database.endpoints.get(&endpoint).is_some_and(plaintext) {
            true => "clients reach it through a proxy on their own machine, without TLS: no file is needed",
            false => "its certificate is signed by an authority of the operating system: no file is needed",
        })
    })?;
    Ok(([(CONTENT_TYPE, "application/x-pem-file")], pem.to_owned()).into_response())
}
