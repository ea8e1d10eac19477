//! A database of each kind at PlanetScale.

use serde_json::{Value, json};

use super::{Place, Provided, Running};
use crate::PlanetScale;
use crate::planetscale::Servers;

pub(super) async fn start(place: &Place<'_>) -> anyhow::Result<Provided> {
    let servers = Servers::start(place.ca).await?;
    let planetscale = PlanetScale::start(place.ca, &servers).await?;
    let token = planetscale.service_token(&ACCESSES)?;
    let (ca, secret) = (place.trust(), place.secret("planetscale-token", &token.secret)?);
    let database = |engine: &str, name: &str, endpoints: Value| {
        json!({
            "engine": engine,
            "dbname": name,
            "endpoints": endpoints,
            "tls": { "ca": ca },
            "planetscale": {
                "organization": "acme",
                "database": name,
                "service_token": { "id": token.id, "secret": secret },
                "api": { "url": planetscale.url(), "ca": ca },
            },
        })
    };
    let pooled = json!({ "primary": {}, "replica": {}, "pooled": { "port": planetscale.pooler_port() } });
    let shop = database("planetscale-postgres", "shop", pooled);
    let store = database("planetscale-mysql", "store", json!({ "primary": {}, "replica": {} }));
    let reader = json!({ "kind": "dynamic_user", "member_of": ["pg_read_all_data"] });
    for name in PAIR {
        planetscale.make_role(("shop", "main"), name, &["pg_read_all_data"]).await?;
    }
    Ok(Provided::new(Running::Planetscale(planetscale))
        .database("planetscale-postgres", shop)
        .database("planetscale-mysql", store)
        .role("planetscale-postgres-user", "planetscale-postgres", "15m", reader)
        .role(
            "planetscale-mysql-user",
            "planetscale-mysql",
            "15m",
            json!({ "kind": "dynamic_user", "access": "reader" }),
        )
        .role(
            "planetscale-postgres-pair",
            "planetscale-postgres",
            "1h",
            json!({ "kind": "rotated_password", "users": PAIR }),
        )
        .role(
            "planetscale-mysql-pair",
            "planetscale-mysql",
            "1h",
            json!({ "kind": "rotated_password", "users": PAIR, "access": "reader" }),
        ))
}

/// Roles that are there (Postgres), and names of passwords to be made (MySQL).
const PAIR: [&str; 2] = ["report_a", "report_b"];

/// What the documentation says that the token needs.
const ACCESSES: [&str; 4] = [
    "read_branch",
    "connect_production_branch",
    "create_production_branch_password",
    "delete_production_branch_password",
];
