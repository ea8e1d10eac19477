//! A database at DB9.

use serde_json::json;

use super::{Place, Provided, Running};
use crate::Db9;

pub(super) async fn start(place: &Place<'_>) -> anyhow::Result<Provided> {
    let db9 = Db9::start(place.ca).await?;
    db9.postgres().execute("postgres", PREPARATION).await?;
    let ca = place.trust();
    let database = json!({
        "engine": "db9",
        "dbname": "postgres",
        "endpoints": { "primary": {} },
        "tls": { "ca": ca },
        "timeout": "20s",
        "db9": {
            "database": db9.tenant(),
            "api_token": place.secret("db9-token", db9.token())?,
            "api": { "url": db9.api().url(), "ca": ca },
        },
    });
    Ok(Provided::new(Running::Db9(db9))
        .database("db9", database)
        .role("db9-user", "db9", "15m", json!({ "kind": "dynamic_user", "member_of": ["orders_ro"] }))
        .role(
            "db9-pair",
            "db9",
            "1h",
            json!({ "kind": "rotated_password", "users": ["report_a", "report_b"] }),
        )
        .role("db9-token", "db9", "10m", json!({ "kind": "connect_token", "username": "orders_app" })))
}

const PREPARATION: &str = "
    create table orders (id int); insert into orders values (1), (2), (3);
    create role orders_ro nologin; grant select on orders to orders_ro;
    create role orders_app login in role orders_ro;
    create role report_a login in role orders_ro; create role report_b login in role orders_ro;";
