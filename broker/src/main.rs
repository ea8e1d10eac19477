//! The `dsn-broker` binary: see [`dsn_broker::cli`].

fn main() {}
