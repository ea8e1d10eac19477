//! Tests on real servers.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it finds that something is wrong; clippy.toml says so for test functions alone"
)]

mod cache;
mod dsn;
mod engine_postgres;
mod http;
mod identity;
mod stand;
mod story;
