//! Runs the program to its end.

use std::process::Stdio;

use tokio::process::Command;

use crate::stand::{Settings, record, unique, world};

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program, with nothing of our environment that could change what it does. It dies with its value.
pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dsn-broker"));
    command.args(arguments).env_remove("DSN_BROKER_CONFIG").env_remove("RUST_LOG").kill_on_drop(true);
    command
}

/// Runs it without a configuration.
pub async fn dsn_broker(arguments: &[&str]) -> Ended {
    end(program(arguments)).await
}

/// Runs it with this configuration.
pub async fn configured(settings: &Settings, arguments: &[&str]) -> Ended {
    settings.write();
    let mut command = program(arguments);
    command.env("DSN_BROKER_CONFIG", settings.file());
    end(command).await
}

/// A configuration with databases of its own, whose schema is not made yet.
pub async fn settings() -> Settings {
    Settings::new(world().await, &unique()).await
}

/// Runs it to its end.
pub async fn end(mut command: Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    // Only a new API key is printed on purpose.
    if stdout.starts_with("dsnk_") {
        record::secret(&stdout)
    } else {
        record::said("program", &stdout)
    }
    record::said("program", &stderr);
    Ended { code: output.status.code(), stdout, stderr }
}
