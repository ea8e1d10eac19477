//! `values.yaml`, and the table of it in `helm/README.md`.

use std::fmt::Write as _;

use serde_json::Value;

use super::chart;
use crate::stand::repository;

/// A value that can be set.
pub struct Row {
    /// Its keys, with dots between.
    pub path: String,
    /// Its default as it stands there, if it stands on its line.
    default: String,
    /// What the comment above it says.
    pub about: String,
}

/// The defaults.
pub fn defaults() -> Value {
    serde_saphyr::from_str(&text()).unwrap()
}

/// The values in their order.
pub fn rows() -> Vec<Row> {
    let (mut rows, mut keys, mut about) = (Vec::new(), Vec::new(), Vec::new());
    for line in text().lines() {
        let inner = line.trim_start();
        if let Some(comment) = inner.strip_prefix("# ") {
            about.push(comment.to_owned());
            continue;
        }
        let said = std::mem::take(&mut about);
        let Some((key, default)) = inner.split_once(':').filter(|_| !inner.starts_with('-')) else {
            continue;
        };
        keys.truncate((line.len() - inner.len()) / 2);
        keys.push(key.to_owned());
        rows.push(Row { path: keys.join("."), default: default.trim().to_owned(), about: said.join(" ") });
    }
    rows
}

#[test]
fn the_page_has_every_value_with_its_default() {
    let file = repository().join("helm/README.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let written = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&file, written).unwrap();
    } else {
        assert!(page == written, "helm/README.md is stale: run `make generate`");
    }
}

#[test]
fn no_value_is_forgotten_by_the_templates() {
    let mut templates = String::new();
    read_all(&chart().join("templates"), &mut templates);
    templates.push_str(&std::fs::read_to_string(chart().join("files/alerts.yaml")).unwrap());
    // The broker's own, and those of containers, are passed on as they are.
    let passed_on = |path: &str| path.starts_with("config") || path.contains(".resources.");
    for row in rows().iter().filter(|row| !passed_on(&row.path)) {
        let key = row.path.rsplit('.').next().unwrap();
        assert!(templates.contains(&format!(".{key}")), "no template looks at {}", row.path);
    }
}

fn read_all(folder: &std::path::Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

fn table() -> String {
    let mut table = "\n| Value | Default | |\n|---|---|---|\n".to_owned();
    for row in rows() {
        let default = Some(&row.default).filter(|it| !it.is_empty()).map(|it| format!("`{it}`"));
        if default.is_some() || !row.about.is_empty() {
            let about = row.about.replace('|', "\\|");
            writeln!(table, "| `{}` | {} | {about} |", row.path, default.unwrap_or_default()).unwrap();
        }
    }
    table
}

fn text() -> String {
    std::fs::read_to_string(chart().join("values.yaml")).unwrap()
}

const BEGIN: &str = "<!-- Written by `make generate` from dsn-broker/values.yaml. -->\n";
const END: &str = "\n<!-- The end of what is generated. -->\n";
