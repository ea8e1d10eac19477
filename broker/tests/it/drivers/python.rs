//! Python.

use dsn_broker::dsn::Language;
use tokio::process::Command;

use super::{check, installed, programs};
use crate::stand::run;

#[test]
fn every_driver_of_python_connects_and_none_to_the_wrong_server() {
    run(async {
        let python = installed().join("python/bin/python");
        let program = python.exists().then(|| {
            let mut command = Command::new(python);
            command.arg(programs().join("python/connect.py"));
            command
        });
        check(Language::Python, program, &[]).await;
    });
}
