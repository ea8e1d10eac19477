//! Other programs, run to their end without holding up the async thread.

use std::ffi::OsStr;
use std::process::{Command, Output};

/// Runs it with all of its output.
pub(crate) async fn run<S: AsRef<OsStr> + Send + Sync + 'static>(program: &str, arguments: Vec<S>) -> Output {
    let mut command = Command::new(program);
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap()
}

/// What it wrote; it must succeed.
pub(crate) async fn succeed(program: &str, arguments: &[&str]) -> String {
    let output = run(program, owned(arguments)).await;
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// What it complained about; it must fail.
pub(crate) async fn fail(program: &str, arguments: &[&str]) -> String {
    let output = run(program, owned(arguments)).await;
    assert!(!output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// Rows of a query by someone with a URL.
pub(crate) async fn psql(url: &str, sql: &str) -> String {
    succeed("psql", &["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).await
}

/// The complaint about a query that must not work.
pub(crate) async fn psql_fails(url: &str, sql: &str) -> String {
    fail("psql", &["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", sql, url]).await
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}
