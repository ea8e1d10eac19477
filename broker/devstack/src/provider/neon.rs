//! A branch at Neon.

use serde_json::json;

use super::{Place, Provided, Running};
use crate::Neon;

pub(super) async fn start(place: &Place<'_>) -> anyhow::Result<Provided> {
    let neon = Neon::start(place.ca).await?;
    neon.postgres().execute("neondb", PREPARATION).await?;
    let ca = place.trust();
    let database = json!({
        "engine": "neon",
        "dbname": "neondb",
        // Its own host names resolve nowhere; by this one the primary is meant.
        "endpoints": { "primary": { "host": "localhost", "port": neon.edge().port() } },
        "tls": { "ca": ca },
        "admin": {
            "username": "neondb_owner",
            "password": place.secret("neon-owner", &neon.owner_password())?,
        },
        "timeout": "20s",
        "neon": {
            "project": "orders",
            "branch": "main",
            "api_key": place.secret("neon-key", neon.key())?,
            "api": { "url": neon.api_url(), "ca": ca },
        },
    });
    Ok(Provided::new(Running::Neon(neon))
        .database("neon", database)
        .role("neon-user", "neon", "15m", json!({ "kind": "dynamic_user", "member_of": ["orders_ro"] }))
        .role(
            "neon-pair",
            "neon",
            "1h",
            json!({ "kind": "rotated_password", "users": ["report_a", "report_b"] }),
        ))
}

/// By the owner, as a customer makes it.
const PREPARATION: &str = "
    set session authorization neondb_owner;
    create table orders (id int); insert into orders values (1), (2), (3);
    create role orders_ro nologin; grant select on orders to orders_ro;
    create role report_a login in role orders_ro; create role report_b login in role orders_ro;";
