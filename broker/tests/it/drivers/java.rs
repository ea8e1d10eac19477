//! Java.

use std::path::{Path, PathBuf};

use dsn_broker::dsn::Language;
use tokio::process::Command;

use super::{check, installed, lines, programs};
use crate::stand::run;

#[test]
fn every_driver_of_java_connects_and_none_to_the_wrong_server() {
    let folder = installed().join("java");
    let program = folder.join("Connect.class").exists().then(|| {
        let mut command = Command::new("java");
        // Each line is run a few times, and gains nothing from being compiled well.
        command
            .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"])
            .arg(format!("{0}:{0}/lib/*", folder.display()))
            .arg("Connect");
        command
    });
    run(check(Language::Java, program, &[]));
}

#[test]
fn the_program_of_java_has_all_lines_that_are_shown() {
    lines::are_in_the_program(Language::Java, &programs().join("java"), "java");
}

/// The trust store that the answer tells to make of a CA, made once.
pub(super) fn trust_store(pem: &Path) -> PathBuf {
    let store = pem.with_extension("p12");
    if !store.exists() {
        let keytool = std::process::Command::new("keytool")
            .args([
                "-importcert",
                "-noprompt",
                "-alias",
                "dsn",
                "-storetype",
                "PKCS12",
                "-storepass",
                "changeit",
            ])
            .arg("-file")
            .arg(pem)
            .arg("-keystore")
            .arg(&store)
            .output()
            .unwrap();
        assert!(keytool.status.success(), "{keytool:?}");
    }
    store
}
