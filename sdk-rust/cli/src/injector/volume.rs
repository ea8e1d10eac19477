//! The volumes that are put into a pod, and where its containers find them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::injector::annotation::{Notes, PREFIX};
use crate::injector::pod::{Container, Pod, VOLUMES};
use crate::injector::wish::Files;

/// A volume that is always in the same place.
pub(crate) struct Fixed {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
}

/// The proof of who asks, which is renewed in place.
pub(crate) const TOKEN: Fixed = Fixed { name: "dsn-broker-token", path: "/var/run/secrets/dsn-broker.io" };

/// `dsn` itself, for programs that are run by it.
pub(crate) const BINARY: Fixed = Fixed { name: "dsn-broker-bin", path: "/run/dsn-bin" };

impl Fixed {
    pub(crate) fn mount(&self) -> Value {
        json!({ "name": self.name, "mountPath": self.path, "readOnly": true })
    }

    /// The file with the token.
    pub(crate) fn file(&self) -> String {
        format!("{}/token", self.path)
    }
}

/// The folders with files, each a volume of its own.
pub(crate) struct Places(Vec<(String, String)>);

impl Places {
    pub(crate) fn new(files: &Files, notes: &mut Notes) -> Self {
        let mut folders = BTreeMap::new();
        for file in files.files.iter().filter(|file| file.folder() != files.folder) {
            folders.entry(file.folder().to_owned()).or_insert(&file.key);
        }
        let base = files.folder.as_str();
        let all: Vec<&str> = folders.keys().map(String::as_str).chain([base]).collect();
        for (folder, key) in &folders {
            let is_in = |inner: &str, outer: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
            };
            if let Some(other) = all.iter().find(|other| is_in(folder, other) || is_in(other, folder)) {
                notes.mistake(format!("the file of {key} is in {folder}, and another in {other}: one must not be inside of the other, say another {PREFIX}path-{key}"));
            }
        }
        let others = folders.into_keys().enumerate();
        let others = others.map(|(index, folder)| (format!("{NAME}-{}", index + 1), folder));
        Self([(NAME.to_owned(), files.folder.clone())].into_iter().chain(others).collect())
    }

    /// Where they are in a container; only the agent writes.
    pub(crate) fn mounts(&self, is_read_only: bool) -> impl Iterator<Item = Value> {
        self.0.iter().map(move |(name, path)| {
            if is_read_only {
                json!({ "name": name, "mountPath": path, "readOnly": true })
            } else {
                json!({ "name": name, "mountPath": path })
            }
        })
    }

    pub(crate) fn ensure(&self, pod: &mut Pod, notes: &mut Notes) {
        for (name, _) in &self.0 {
            memory(pod, name, "4Mi", notes);
        }
    }
}

/// A volume in memory.
pub(crate) fn memory(pod: &mut Pod, name: &str, limit: &str, notes: &mut Notes) {
    let volume = json!({ "name": name, "emptyDir": { "medium": "Memory", "sizeLimit": limit } });
    ensure(
        pod,
        volume,
        |there| there.pointer("/emptyDir/medium").is_some_and(|medium| medium == "Memory"),
        notes,
    );
}

/// The volume with the pod's token for the broker.
pub(crate) fn token(pod: &mut Pod, audience: &str, notes: &mut Notes) {
    let token = json!({ "audience": audience, "expirationSeconds": 3600, "path": "token" });
    // The kubelet takes away what is too much, where the pod says whom its containers run as.
    let projected = json!({ "defaultMode": 0o444, "sources": [{ "serviceAccountToken": token }] });
    let is_ours = |there: &Value| {
        there.pointer("/projected/sources/0/serviceAccountToken/audience").is_some_and(|it| it == audience)
    };
    ensure(pod, json!({ "name": TOKEN.name, "projected": projected }), is_ours, notes);
}

fn ensure(pod: &mut Pod, volume: Value, is_ours: impl FnOnce(&Value) -> bool, notes: &mut Notes) {
    let name = volume.get("name").and_then(Value::as_str).unwrap_or_default();
    match pod.named(VOLUMES, name) {
        None => pod.append(VOLUMES, volume),
        Some(there) if is_ours(there) => {}
        Some(_) => notes.mistake(format!(
            "the pod has a volume {name} of its own: rename it, that name is kept for dsn-broker"
        )),
    }
}

/// Puts a volume into a container.
pub(crate) fn mount(pod: &mut Pod, container: &Container, mount: Value, notes: &mut Notes) {
    let list = format!("{}/volumeMounts", container.at);
    let part =
        |mount: &Value, key: &str| mount.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, path) = (part(&mount, "name"), part(&mount, "mountPath"));
    let there = pod.list(&list).iter().find(|there| part(there, "mountPath").trim_end_matches('/') == path);
    match there.map(|there| part(there, "name")) {
        None => pod.append(&list, mount),
        Some(there) if there == name => {}
        Some(there) => notes.mistake(format!(
            "the container {} has its volume {there} at {path}, where dsn-broker's would be: say another folder with {PREFIX}path",
            container.name
        )),
    }
}

/// What the volumes with files are called.
const NAME: &str = "dsn-broker";
