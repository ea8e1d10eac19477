//! `GET` and `POST /v1/dsn/{role}`: the main job.

mod answer;
mod target;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use crate::broker::Ask;
use crate::config::Span;
use crate::dsn::Format;
use crate::http::Web;
use crate::http::answer::wants;
use crate::http::caller::Caller;
use crate::http::extract::{Body, Query, Segment};
use crate::http::problem::{Problem, Refusals};
use answer::{DsnAnswer, Shape};
use target::Way;

/// How the DSN is wanted.
#[derive(Deserialize, Default, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DsnQuery {
    /// The format, for the driver: see `GET /v1/roles`. Default: the first of the role's, mostly `uri`.
    #[param(value_type = Option<Format>)]
    format: Option<String>,
    /// The way into the database: see `GET /v1/roles`. Default: the role's first.
    endpoint: Option<String>,
    /// Where the caller has, or will have, the CA of the database: an absolute path on its own machine.
    ca_file: Option<String>,
    /// The caller's operating system, for formats that have to say where it keeps its roots: `debian`, `alpine`, `rhel`, …
    os: Option<String>,
}

/// How the DSN is wanted, and what kind of credential.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DsnRequest {
    /// The format, for the driver: see `GET /v1/roles`. Default: the first of the role's, mostly `uri`.
    #[schema(value_type = Option<Format>)]
    format: Option<String>,
    /// The way into the database: see `GET /v1/roles`. Default: the role's first.
    endpoint: Option<String>,
    /// Where the caller has, or will have, the CA of the database: an absolute path on its own machine.
    ca_file: Option<String>,
    /// The caller's operating system, for formats that have to say where it keeps its roots: `debian`, `alpine`, `rhel`, …
    os: Option<String>,
    /// A life of the caller's choosing: `30m`. The credential is then its own. At most the role's maximum.
    #[schema(value_type = Option<String>)]
    ttl: Option<Span>,
    /// A credential of the caller's own, shared with nobody.
    #[serde(default)]
    fresh: bool,
}

/// Fetch the current DSN of a role
///
/// From the cache while enough of its life is left, else newly made. With `Accept: text/plain` the body is the DSN
/// alone, and the times are in `Dsn-Lease-Id`, `Dsn-Expires-At` and `Dsn-Refresh-After`. The header `Dsn-Instance`
/// tells the instances of a workload apart where the role is shared per instance and the token does not say it.
#[utoipa::path(
    get, path = "/v1/dsn/{role}", tag = "dsn",
    params(("role" = String, Path, description = "The role"), DsnQuery),
    responses(
        (status = 200, description = "The DSN", content((DsnAnswer = "application/json"), (String = "text/plain"))),
        Refusals,
    )
)]
pub(super) async fn fetch_dsn(
    State(web): Web,
    caller: Caller,
    Segment(role): Segment,
    headers: HeaderMap,
    Query(query): Query<DsnQuery>,
) -> Result<Response, Problem> {
    let ask = Ask { instance: instance(&headers)?, ..Ask::default() };
    answer(&web, &caller, &role, query, ask, &headers).await
}

/// Request a DSN with a life of the caller's choosing, or a credential of its own
#[utoipa::path(
    post, path = "/v1/dsn/{role}", tag = "dsn",
    params(("role" = String, Path, description = "The role")), request_body = DsnRequest,
    responses(
        (status = 200, description = "The DSN", content((DsnAnswer = "application/json"), (String = "text/plain"))),
        Refusals,
    )
)]
pub(super) async fn request_dsn(
    State(web): Web,
    caller: Caller,
    Segment(role): Segment,
    headers: HeaderMap,
    Body(body): Body<DsnRequest>,
) -> Result<Response, Problem> {
    let DsnRequest { format, endpoint, ca_file, os, ttl, fresh } = body;
    let ask = Ask { ttl: ttl.map(|span| span.0), fresh, instance: instance(&headers)?, ..Ask::default() };
    answer(&web, &caller, &role, DsnQuery { format, endpoint, ca_file, os }, ask, &headers).await
}

async fn answer(
    web: &crate::http::Shared,
    caller: &Caller,
    role: &str,
    wanted: DsnQuery,
    ask: Ask,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let permit = caller.permit(role)?;
    let format = wanted.format.as_deref().map(str::parse::<Format>).transpose();
    let format = format.map_err(|error| Problem::invalid("format", error.to_string()))?;
    let way = Way::find(&caller.current, &permit, &wanted)?;
    let format = format.unwrap_or_else(|| way.default_format());
    // What cannot be rendered is refused before anything is made.
    way.can_render(format)?;
    let purpose = way.purpose(format);
    let ask = Ask { request: caller.request.clone(), purpose, ..ask };
    let issued = web.app.broker.issue(&permit, &ask).await?;
    let shape = if wants(headers, "text/plain") { Shape::Text } else { Shape::Json };
    answer::render(&permit, &way, format, &issued, shape)
}

fn instance(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("dsn-instance") else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let plain = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    match plain {
        true => Ok(Some(text.to_owned())),
        false => {
            Err(Problem::invalid("Dsn-Instance", "use 1 to 128 printable ASCII characters without blanks"))
        }
    }
}
