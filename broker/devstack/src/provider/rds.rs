//! A Postgres at RDS, with a key of AWS that may sign for one user.

use serde_json::json;

use super::{Place, Provided, Running};
use crate::{Aws, Edge, Postgres, Rds, entropy};

pub(super) async fn start(place: &Place<'_>) -> anyhow::Result<Provided> {
    let server = Postgres::builder().ca(place.ca).durable(false).behind_edge().start().await?;
    let password = entropy::password()?;
    server.execute("postgres", &PREPARATION.replace("{password}", &password)).await?;
    let aws = Aws::new();
    let rds = Rds::start(place.ca, &server, &aws, REGION, &[TOKEN_USER]).await?;
    let key = aws.key(&[TOKEN_USER])?;
    let endpoint = |edge: &Edge| json!({ "host": edge.host(), "port": edge.port() });
    let database = json!({
        "engine": "rds",
        "dbname": "postgres",
        "endpoints": { "primary": endpoint(&rds.primary), "replica": endpoint(&rds.replica) },
        "tls": { "ca": place.trust() },
        "admin": { "username": "broker_admin", "password": place.secret("rds-admin", &password)? },
        "rds": {
            "protocol": "postgres",
            "region": REGION,
            "credentials": { "static": {
                "access_key_id": key.access_key_id,
                "secret_access_key": place.secret("rds-key", &key.secret_access_key)?,
            } },
        },
    });
    Ok(Provided::new(Running::Rds(rds, server))
        .database("rds", database)
        .role("rds-user", "rds", "15m", json!({ "kind": "dynamic_user", "member_of": ["orders_ro"] }))
        .role(
            "rds-pair",
            "rds",
            "1h",
            json!({ "kind": "rotated_password", "users": ["report_a", "report_b"] }),
        )
        .role("rds-token", "rds", "15m", json!({ "kind": "connect_token", "username": TOKEN_USER })))
}

const REGION: &str = "eu-central-1";
const TOKEN_USER: &str = "orders_app";

/// On every version alike: what a user with CREATEROLE makes is its own from 16 on, so the pair is made by it.
const PREPARATION: &str = "
    create table orders (id int); insert into orders values (1), (2), (3);
    create role rds_iam nologin;
    create role orders_ro nologin; grant select on orders to orders_ro;
    create role orders_app login in role rds_iam; grant select on orders to orders_app;
    create role broker_admin login createrole password '{password}';
    grant orders_ro to broker_admin with admin option; grant pg_signal_backend to broker_admin;
    set session authorization broker_admin;
    create role report_a login in role orders_ro; create role report_b login in role orders_ro;";
