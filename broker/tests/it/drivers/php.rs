//! PHP.

use dsn_broker::dsn::{Format, Language};
use tokio::process::Command;

use super::{check, installed, programs};
use crate::stand::run;

#[test]
fn every_driver_of_php_connects_and_none_to_the_wrong_server() {
    run(async {
        let program = installed().join("php/version").exists().then(|| {
            let mut command = Command::new("php");
            command.arg(programs().join("php/connect.php"));
            command
        });
        // mysqlnd says of a server without TLS that it has gone away.
        check(Language::Php, program, &[Format::Pdo, Format::Mysqli, Format::Laravel]).await;
    });
}
