//! The generator of HTTP load: `wrk`, because it takes little of the cores that it shares with what is measured.

use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

/// What is asked, again and again.
#[derive(Clone, Debug)]
pub(super) struct Load<'a> {
    pub(super) url: &'a str,
    pub(super) token: &'a str,
    /// With a body it is a POST of JSON.
    pub(super) body: Option<&'a str>,
    pub(super) connections: usize,
    pub(super) seconds: u64,
}

/// What was seen.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Answers per second.
    pub(super) rate: f64,
    /// Latency, milliseconds.
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// Answers that were not a success, and connections that broke.
    pub(super) errors: u64,
    pub(super) requests: u64,
}

/// Puts it under load; it is an error if any answer is not a success.
pub(super) async fn run(load: &Load<'_>) -> anyhow::Result<Seen> {
    let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    let (method, body) = match load.body {
        Some(body) => ("POST", body),
        None => ("GET", ""),
    };
    // Through a file: the token does not belong on a command line.
    let head = format!(
        "wrk.method = {method:?}\nwrk.body = {body:?}\nwrk.headers[\"Authorization\"] = \"Bearer {}\"\n\
         wrk.headers[\"Content-Type\"] = \"application/json\"\n",
        load.token
    );
    std::fs::write(script.path(), head + DONE)?;
    let output = Command::new("wrk")
        .args([
            "-t2",
            &format!("-c{}", load.connections),
            &format!("-d{}s", load.seconds),
            "--timeout=30s",
            "-s",
        ])
        .arg(script.path())
        .arg(load.url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("wrk does not start (apt-get install wrk)")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let seen: Seen = serde_json::from_str(line).with_context(|| format!("wrk says: {text}"))?;
    if seen.errors > 0 || seen.requests == 0 {
        bail!("{} of {} answers were no success: {}", seen.errors, seen.requests, load.url);
    }
    Ok(seen)
}

const DONE: &str = r#"
function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('\n{"rate":%f,"p50_ms":%f,"p99_ms":%f,"errors":%d,"requests":%d}\n',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, summary.requests))
end
"#;
