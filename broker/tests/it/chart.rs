//! The chart: what it renders is what was reviewed, Kubernetes and the broker take it, and what it says of the broker is true.
//!
//! Helm, and the program that knows the types of Kubernetes, are installed by `.ci/helm`; what needs one that is not there
//! is named as skipped. What was reviewed is looked at without them.

mod configuration;
mod docker;
mod kubernetes;
mod metrics;
mod objects;
mod render;
mod schema;
mod tools;
mod values;

use std::path::PathBuf;

use serde_json::Value;

use crate::stand::repository;

/// The folder of the chart.
fn chart() -> PathBuf {
    repository().join("helm/dsn-broker")
}

/// The names of the sets of values that are rendered.
fn sets() -> Vec<String> {
    let files = std::fs::read_dir(repository().join("helm/tests/values")).unwrap();
    let mut names: Vec<_> = files.map(|file| stem(&file.unwrap().path())).collect();
    names.sort();
    assert!(names.len() > 3);
    names
}

fn stem(path: &std::path::Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}

fn values_file(set: &str) -> PathBuf {
    repository().join(format!("helm/tests/values/{set}.yaml"))
}

fn golden_file(set: &str) -> PathBuf {
    repository().join(format!("helm/tests/golden/{set}.yaml"))
}

/// What was rendered and reviewed.
fn reviewed(set: &str) -> String {
    std::fs::read_to_string(golden_file(set)).unwrap()
}

/// The objects in a rendered text.
fn objects(rendered: &str) -> Vec<Value> {
    let documents = rendered.split("\n---\n").map(|document| document.trim_start_matches("---\n"));
    let parsed = documents.map(|document| serde_saphyr::from_str::<Value>(document).unwrap());
    parsed.filter(Value::is_object).collect()
}

/// The objects of a kind, by name.
fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<(&'a str, &'a Value)> {
    let of_kind = objects.iter().filter(|object| object["kind"] == kind);
    of_kind.map(|object| (object["metadata"]["name"].as_str().unwrap(), object)).collect()
}
