//! Rust.

use dsn_broker::dsn::reader::Pooled;
use dsn_broker::dsn::{Format, Language};
use dsn_broker::model::Protocol;
use tokio::process::Command;

use super::{check, installed, programs};
use crate::stand::run;

#[test]
fn every_driver_of_rust_connects_and_none_to_the_wrong_server() {
    let program = installed().join("rust/connect");
    let program = program.exists().then(|| Command::new(program));
    run(check(Language::Rust, program, &[]));
}

/// The program cannot run lines that it is given, so it was built with them.
#[test]
fn the_program_of_rust_has_all_lines_that_are_handed_out() {
    let lines = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let source = lines(&std::fs::read_to_string(programs().join("rust/src/open.rs")).unwrap());
    for format in Format::ALL.iter().filter(|format| format.language() == Language::Rust) {
        for reader in [Protocol::Postgres, Protocol::Mysql].map(|protocol| format.reader(protocol)) {
            let Some(reader) = reader else { continue };
            let pooled = match reader.pooled {
                Pooled::InCode(code) => Some(code),
                _ => None,
            };
            let all = [Some(reader.open), reader.open_private, reader.open_cleartext, pooled];
            for code in all.into_iter().flatten() {
                assert!(source.contains(&lines(code)), "{format}:\n{code}");
            }
        }
    }
}
