//! The HTTP interface. The only module that knows axum.
//!
//! Adding an operation touches three places: its file, its line in [`api`], its test.

mod answer;
mod audit;
mod caller;
mod client_certificate;
mod databases;
mod dsn;
mod extract;
mod first_word;
mod guard;
mod health;
mod leases;
mod problem;
mod rate;
mod revocations;
mod roles;
mod serve;
mod untaken;
mod whoami;

use std::sync::Arc;

use axum::Router;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use problem::{Kind, Problem};
pub use serve::{Listeners, ServeError, serve};

use crate::app::App;
use rate::Rates;

/// What every handler works with.
pub(crate) struct Shared {
    pub(crate) app: Arc<App>,
    rates: Rates,
    /// The largest body of a request, in bytes.
    body_limit: usize,
}

/// What handlers take as their state.
pub(crate) type Web = axum::extract::State<Arc<Shared>>;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "dsn-broker",
        description = "Hands a workload a short-lived, least-privilege, fully parameterized DSN.\n\n\
                       Every request carries its proof of identity: `Authorization: Bearer …` with a token of a \
                       configured issuer or an API key of the broker, or its connection a client certificate (X.509-SVID). \
                       With both, the token alone counts.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Proofs, &Problems),
    security(("bearer" = []), ("certificate" = [])),
)]
struct Document;

struct Proofs;

impl utoipa::Modify for Proofs {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = document.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let certificate = SecurityScheme::MutualTls { description: None, extensions: None, deprecated: None };
        components.add_security_scheme("certificate", certificate);
    }
}

struct Problems;

impl utoipa::Modify for Problems {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let kinds = Kind::ALL.iter().map(|kind| {
            let (status, title) = kind.meaning();
            format!("- `/problems/{}` ({}): {title}\n", kind.name(), status.as_u16())
        });
        let list: String = kinds.collect();
        let description = document.info.description.get_or_insert_default();
        description.push_str("\n\nRefusals are RFC 9457 problems of one of these types:\n\n");
        description.push_str(&list);
    }
}

fn api() -> OpenApiRouter<Arc<Shared>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(dsn::fetch_dsn, dsn::request_dsn))
        .routes(routes!(roles::list_roles))
        .routes(routes!(whoami::whoami))
        .routes(routes!(leases::list::list_leases))
        .routes(routes!(leases::show::show_lease, leases::revoke::revoke_lease))
        .routes(routes!(leases::renew::renew_lease))
        .routes(routes!(revocations::request_revocations))
        .routes(routes!(databases::list::list_databases))
        .routes(routes!(databases::show::show_database))
        .routes(routes!(databases::rotate::rotate_password))
        .routes(routes!(databases::ca::database_ca))
        .routes(routes!(audit::search_audit))
}

/// The OpenAPI document: what `openapi/openapi.json` holds.
pub fn openapi() -> utoipa::openapi::OpenApi {
    api().into_openapi()
}

/// The page to read and try it. It asks nobody else for anything: not even a validator for its opinion.
fn docs(document: utoipa::openapi::OpenApi) -> utoipa_swagger_ui::SwaggerUi {
    let config = utoipa_swagger_ui::Config::default().validator_url("none");
    utoipa_swagger_ui::SwaggerUi::new("/docs").url("/openapi.json", document).config(config)
}

/// The public interface.
pub(crate) fn public(app: Arc<App>) -> Router {
    let limits = app.current.load().config.server.limits.clone();
    let shared = Arc::new(Shared { body_limit: limits.body.0, rates: Rates::new(&limits.rate), app });
    let (router, document) = api().split_for_parts();
    router
        .merge(docs(document))
        .fallback(async || Problem::new(Kind::NotFound).into_response())
        .method_not_allowed_fallback(async || Problem::new(Kind::MethodNotAllowed).into_response())
        .layer(axum::middleware::from_fn_with_state(guard::Guard::new(&shared.app, &limits), guard::guard))
        .with_state(shared)
}
