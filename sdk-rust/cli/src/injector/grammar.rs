//! Which annotations there are, and what is said of others.

use std::collections::BTreeMap;

use crate::injector::annotation::{PREFIX, Said, meant};

/// Why an annotation means nothing here.
pub(crate) fn unknown(key: &str, said: &Said, roles: &BTreeMap<String, Said>, is_exec: bool) -> String {
    let annotation = &said.annotation;
    let family = FAMILIES.iter().find_map(|family| Some((*family, key.strip_prefix(family)?)));
    if let Some((family, name)) = family {
        if roles.contains_key(name) {
            return misplaced(annotation, is_exec);
        }
        let meant = meant(name, roles.keys().map(String::as_str));
        let meant = meant.replace("mean ", &format!("mean {PREFIX}{family}"));
        return format!("{annotation}: there is no {PREFIX}role-{name}{meant}");
    }
    if SINGLE.contains(&key) {
        return misplaced(annotation, is_exec);
    }
    let families = FAMILIES.iter().flat_map(|family| roles.keys().map(move |name| format!("{family}{name}")));
    let known: Vec<_> = families.chain(SINGLE.iter().map(|known| (*known).to_owned())).collect();
    let meant = meant(key, known.iter().map(String::as_str)).replace("mean ", &format!("mean {PREFIX}"));
    format!("{annotation} is no annotation of dsn-broker{meant}")
}

fn misplaced(annotation: &str, is_exec: bool) -> String {
    if is_exec {
        format!("{annotation} is for files, and {PREFIX}exec writes none: leave one of them out")
    } else {
        format!(
            "{annotation} is for programs that are run with {PREFIX}exec: write {PREFIX}exec: \"true\", or leave it out"
        )
    }
}

/// Annotations that end with the name of what they are about.
const FAMILIES: &[&str] = &["role-", "format-", "endpoint-", "os-", "template-", "path-", "mode-", "env-"];

/// All other annotations.
const SINGLE: &[&str] = &[
    "inject",
    "containers",
    "path",
    "exec",
    "on-change",
    "init-only",
    "init-first",
    "token-audience",
    "agent-cpu-request",
    "agent-cpu-limit",
    "agent-memory-request",
    "agent-memory-limit",
    "agent-run-as-user",
    "agent-run-as-group",
    "agent-run-as-same-user",
];
