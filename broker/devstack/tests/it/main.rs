//! devstack as its users see it: through `psql`, `mariadb`, `redis-cli`, `curl` and the process table.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod api;
mod cleanup;
mod edge;
mod health;
mod kubernetes;
mod link;
mod mariadb;
mod mysql_edge;
mod oidc;
mod pgbouncer;
mod planetscale;
mod postgres;
mod process;
mod program;
mod redis;
mod tokens;
mod verifier;
mod world;
