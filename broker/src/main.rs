//! The `dsn-broker` binary: see [`dsn_broker::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    dsn_broker::cli::main()
}
