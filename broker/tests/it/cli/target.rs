//! A target server of a test's own, for tests that pause or kill it.

use devstack::Postgres;
use serde_json::json;

use crate::stand::{Settings, world};

/// Starts a server, and lets the configuration's database be there.
pub async fn own_target(settings: &mut Settings) -> Postgres {
    let server = Postgres::builder().ca(world().await.ca()).durable(false).start().await.unwrap();
    let prepare = "create role broker_admin login createrole password 'admin';
                   create role orders_ro; grant orders_ro to broker_admin with admin option;
                   create database orders;";
    server.execute("postgres", prepare).await.unwrap();
    let admin = json!({ "username": "broker_admin", "password": settings.secret("own-admin", "admin") });
    let orders = &mut settings.config["databases"]["orders"];
    orders["dbname"] = json!("orders");
    orders["endpoints"] = json!({ "primary": { "host": server.host(), "port": server.port() } });
    orders["admin"] = admin;
    server
}
