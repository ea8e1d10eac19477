//! Ruby.

use dsn_broker::dsn::Language;
use tokio::process::Command;

use super::{check, installed, programs};
use crate::stand::run;

#[test]
fn every_driver_of_ruby_connects_and_none_to_the_wrong_server() {
    run(async {
        let program = installed().join("ruby/version").exists().then(|| {
            let mut command = Command::new("ruby");
            command.arg(programs().join("ruby/connect.rb"));
            command
        });
        check(Language::Ruby, program, &[]).await;
    });
}
