//! Helm, and the program that looks at what it renders.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::{chart, values_file};
use crate::drivers::{cache, skipped};

/// What was said, and whether all was well.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

/// Runs Helm; `None`, and that is said, where it is not there.
pub async fn helm(arguments: &[&str]) -> Option<Said> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(tool("helm")?);
    command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null()).kill_on_drop(true);
    Some(said(command.output().await.unwrap()))
}

/// What Helm makes of the chart with these values.
pub async fn render(values: &Path) -> Option<Said> {
    let (chart, values) = (chart(), values.to_str().unwrap().to_owned());
    let arguments =
        ["template", "broker", chart.to_str().unwrap(), "--namespace", "dsn", "--values", &values];
    helm(&[&arguments[..], KUBERNETES].concat()).await
}

/// What Helm says of the chart with these values.
pub async fn lint(set: &str) -> Option<Said> {
    let (chart, values) = (chart(), values_file(set));
    let arguments = ["lint", chart.to_str().unwrap(), "--strict", "--values", values.to_str().unwrap()];
    helm(&[&arguments[..], KUBERNETES].concat()).await
}

/// Runs the program that inspects; `None`, and that is said, where it is not there.
pub async fn inspect(arguments: &[&str], input: &str) -> Option<Said> {
    let mut command = Command::new(tool("inspect")?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writing = async {
        // Who needs no input does not read it.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
    };
    let ((), output) = tokio::join!(writing, child.wait_with_output());
    Some(said(output.unwrap()))
}

/// A Kubernetes that the chart is for.
const KUBERNETES: &[&str] = &["--kube-version", "1.33.0"];

fn tool(name: &str) -> Option<PathBuf> {
    let folder =
        std::env::var_os("DSN_BROKER_HELM").map_or_else(|| cache().join("dsn-broker/helm"), PathBuf::from);
    let there = Some(folder.join(name)).filter(|path| path.exists());
    if there.is_none() {
        skipped(&format!("what needs {name} for the chart"), "it is not installed here: see .ci/helm");
    }
    there
}

fn said(output: Output) -> Said {
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Said { ok: output.status.success(), stdout, stderr }
}
