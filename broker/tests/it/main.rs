//! Tests with real servers and parsers, in one binary.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect has to fail, also in the functions it calls"
)]

mod cache;
mod dsn;
