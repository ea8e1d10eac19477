//! The workload's own driver.

use tokio::process::Command;

/// What psql said.
#[derive(Debug)]
pub struct Outcome {
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a query through `psql`, with nothing but the DSN to go by.
pub async fn psql(dsn: &str, query: &str) -> Outcome {
    psql_with(&[], dsn, query).await
}

/// The same with this environment.
pub async fn psql_with(environment: &[(&str, &str)], dsn: &str, query: &str) -> Outcome {
    let output = Command::new("psql")
        .args(["-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", query, dsn])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap())
        .env("HOME", "/nonexistent")
        .envs(environment.iter().copied())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Outcome {
        ok: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap().trim_end().to_owned(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
