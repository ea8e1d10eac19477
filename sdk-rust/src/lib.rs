//! The Rust client of dsn-broker. Empty for now: see the README beside this crate.
