//! A pod as JSON, and the patch that is made by changing it.

use serde_json::{Map, Value, json};

/// A pod that is being changed, and the changes so far: RFC 6902, nothing but `add`.
pub(crate) struct Pod {
    pod: Value,
    patch: Vec<Value>,
}

/// A container of the pod.
pub(crate) struct Container {
    /// Where it is: `/spec/containers/0`.
    pub(crate) at: String,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Init,
    Ordinary,
}

impl Pod {
    pub(crate) fn new(pod: Value) -> Self {
        Self { pod, patch: Vec::new() }
    }

    pub(crate) fn into_patch(self) -> Vec<Value> {
        self.patch
    }

    /// What is there; nothing and null are the same.
    pub(crate) fn at(&self, pointer: &str) -> Option<&Value> {
        self.pod.pointer(pointer).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.as_str()
    }

    pub(crate) fn list(&self, pointer: &str) -> &[Value] {
        self.at(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Init containers first, as they are started.
    pub(crate) fn containers(&self) -> Vec<Container> {
        let of = |list: &str, kind| {
            let named = |(index, container): (usize, &Value)| Container {
                at: format!("{list}/{index}"),
                name: container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                kind,
            };
            self.list(list).iter().enumerate().map(named).collect::<Vec<_>>()
        };
        let mut all = of(INIT_CONTAINERS, Kind::Init);
        all.extend(of(CONTAINERS, Kind::Ordinary));
        all
    }

    /// The element of a list that has this name.
    pub(crate) fn named(&self, list: &str, name: &str) -> Option<&Value> {
        self.list(list).iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name))
    }

    /// What a container or else the pod says of its security.
    pub(crate) fn security(&self, container: &Container, key: &str) -> Option<u64> {
        let own = self.at(&format!("{}/securityContext/{key}", container.at));
        own.or_else(|| self.at(&format!("/spec/securityContext/{key}")))?.as_u64()
    }

    /// Sets a member of an object that may not be there yet.
    pub(crate) fn set(&mut self, object: &str, key: &str, value: Value) {
        self.ensure(object, Value::Object(Map::new()));
        self.add(&format!("{object}/{}", escaped(key)), value);
    }

    /// Puts a value behind the others of a list that may not be there yet.
    pub(crate) fn append(&mut self, list: &str, value: Value) {
        self.ensure(list, Value::Array(Vec::new()));
        self.add(&format!("{list}/-"), value);
    }

    /// Puts values before the others.
    pub(crate) fn prepend(&mut self, list: &str, values: Vec<Value>) {
        self.ensure(list, Value::Array(Vec::new()));
        for (index, value) in values.into_iter().enumerate() {
            self.add(&format!("{list}/{index}"), value);
        }
    }

    fn ensure(&mut self, pointer: &str, empty: Value) {
        if self.at(pointer).is_some() {
            return;
        }
        if let Some((parent, _)) = pointer.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            self.ensure(parent, Value::Object(Map::new()));
        }
        self.add(pointer, empty);
    }

    fn add(&mut self, pointer: &str, value: Value) {
        let Some((parent, key)) = pointer.rsplit_once('/') else { return };
        match self.pod.pointer_mut(parent) {
            Some(Value::Object(object)) => drop(object.insert(unescaped(key), value.clone())),
            Some(Value::Array(list)) => {
                let index = key.parse().map_or(list.len(), |index: usize| index.min(list.len()));
                list.insert(index, value.clone());
            }
            _ => {}
        }
        self.patch.push(json!({ "op": "add", "path": pointer, "value": value }));
    }
}

/// A key as a part of a JSON pointer (RFC 6901).
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescaped(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

pub(crate) const CONTAINERS: &str = "/spec/containers";
pub(crate) const INIT_CONTAINERS: &str = "/spec/initContainers";
pub(crate) const VOLUMES: &str = "/spec/volumes";
