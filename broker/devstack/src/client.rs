//! Statements through a server's own command-line client, so that devstack needs no SQL driver.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Runs the client with the statements as its input; what it writes, without the last newline, or its complaint.
pub(crate) fn run(command: &mut Command, sql: &str) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{program} does not start"))?;
    let mut input = child.stdin.take().with_context(|| format!("{program} has no input"))?;
    let sql = format!("{sql}\n");
    // A thread of its own, because the client may answer before it has read everything.
    let writer = std::thread::spawn(move || input.write_all(sql.as_bytes()));
    let output = child.wait_with_output()?;
    let written = writer.join();
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    written.ok().with_context(|| format!("writing to {program} panicked"))??;
    Ok(String::from_utf8(output.stdout)?.trim_end_matches('\n').to_owned())
}
