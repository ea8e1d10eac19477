//! Tests on real servers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it finds that something is wrong; clippy.toml says so for test functions alone"
)]

mod cache;
mod chart;
mod cli;
mod conformance;
mod drivers;
mod dsn;
mod engine_db9;
mod engine_mysql;
mod engine_neon;
mod engine_planetscale;
mod engine_postgres;
mod engine_rds;
mod http;
mod identity;
mod kubernetes;
mod layout;
mod leaks;
mod lease;
mod ledger;
mod mysql;
mod outage;
mod providers;
mod replica;
mod rotation;
mod sdk;
mod stand;
mod story;
mod sweep;
mod trials;
