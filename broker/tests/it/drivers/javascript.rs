//! JavaScript and TypeScript.

use dsn_broker::dsn::{Format, Language};
use tokio::process::Command;

use super::{check, installed, programs};
use crate::stand::run;

#[test]
fn every_driver_of_javascript_connects_and_none_to_the_wrong_server() {
    run(async {
        let folder = installed().join("javascript");
        let program = folder.join("node_modules").exists().then(|| {
            let mut command = Command::new("node");
            command.arg("--no-warnings").arg(programs().join("javascript/connect.mjs")).arg(folder);
            command
        });
        // The pool that Prisma is given for MySQL tries until its time is up. postgres.js begins with TLS where it was
        // told that there is none, and is cut off.
        check(Language::JavaScript, program, &[Format::Prisma, Format::PostgresJs]).await;
    });
}
