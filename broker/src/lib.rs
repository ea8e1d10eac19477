//! dsn-broker: hands a workload a short-lived, least-privilege, fully parameterized DSN.
//!
//! Modules use only those of layers before their own, and within one never each other in a circle (a test keeps that):
//! values and state machines first, I/O above them, HTTP and the command line last.

// The order of these lines is the order of the layers: `tests/it/layout.rs` reads it.
pub mod entropy;
pub mod id;
pub mod secret;
pub mod time;

pub mod model;

pub mod config;

pub mod dsn;
pub mod seal;
pub mod telemetry;
pub mod tls;

pub mod cache;
pub mod ledger;

pub mod engine;
pub mod identity;
pub mod policy;

pub mod broker;

pub mod app;

pub mod http;

pub mod cli;
