//! Go.

use dsn_broker::dsn::Language;
use tokio::process::Command;

use super::{check, installed, lines, programs};
use crate::stand::run;

#[test]
fn every_driver_of_go_connects_and_none_to_the_wrong_server() {
    let program = installed().join("go/connect");
    let program = program.exists().then(|| {
        let mut command = Command::new(program);
        // Go's own resolver knows nothing of the names of the test.
        command.env("GODEBUG", "netdns=cgo");
        command
    });
    run(check(Language::Go, program, &[]));
}

#[test]
fn the_program_of_go_has_all_lines_that_are_shown() {
    lines::are_in_the_program(Language::Go, &programs().join("go"), "go");
}
