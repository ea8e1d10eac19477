//! Rust.

use dsn_broker::dsn::Language;
use tokio::process::Command;

use super::{check, installed, lines, programs};
use crate::stand::run;

#[test]
fn every_driver_of_rust_connects_and_none_to_the_wrong_server() {
    let program = installed().join("rust/connect");
    let program = program.exists().then(|| Command::new(program));
    run(check(Language::Rust, program, &[]));
}

#[test]
fn the_program_of_rust_has_all_lines_that_are_shown() {
    lines::are_in_the_program(Language::Rust, &programs().join("rust/src"), "rs");
}
