//! The file as a tree that knows where everything stands.
//!
//! It is read beside the [`Config`](crate::config::Config) itself, and answers one question: on which line is this key?

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use crate::config::mistake::{Key, Step};

/// A value and its place.
#[derive(Debug)]
pub(super) struct Located {
    place: Location,
    node: Node,
}

#[derive(Debug)]
enum Node {
    Scalar(Value),
    List(Vec<Located>),
    Map(Vec<(String, Located)>),
}

impl Located {
    /// The place of the key; if it is not there, that of the innermost thing around it that is.
    pub(super) fn nearest(&self, key: &Key) -> Location {
        let (mut here, mut place) = (self, self.place);
        for step in &key.0 {
            let Some(next) = here.step(step) else { break };
            (here, place) = (next, next.place);
        }
        place
    }

    /// What is at the key.
    pub(super) fn at(&self, key: &Key) -> Option<&Located> {
        key.0.iter().try_fold(self, |here, step| here.step(step))
    }

    /// The same without places.
    pub(super) fn to_json(&self) -> Value {
        match &self.node {
            Node::Scalar(value) => value.clone(),
            Node::List(items) => items.iter().map(Self::to_json).collect(),
            Node::Map(entries) => entries.iter().map(|(key, item)| (key.clone(), item.to_json())).collect(),
        }
    }

    fn step(&self, step: &Step) -> Option<&Located> {
        match (&self.node, step) {
            (Node::Map(entries), Step::Name(name)) => {
                entries.iter().find(|(key, _)| key == name).map(|(_, item)| item)
            }
            (Node::List(items), Step::Index(index)) => items.get(*index),
            _ => None,
        }
    }
}

impl From<Spanned<Node>> for Located {
    fn from(spanned: Spanned<Node>) -> Self {
        Self { place: spanned.referenced, node: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Located {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::<Node>::deserialize(deserializer).map(Self::from)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, item)) = map.next_entry::<Spanned<String>, Located>()? {
            // People look for the key, not for what comes after the colon.
            entries.push((key.value, Located { place: key.referenced, node: item.node }));
        }
        Ok(Node::Map(entries))
    }
}
