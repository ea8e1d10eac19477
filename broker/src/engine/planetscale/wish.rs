//! What is asked for when a credential is made.

use serde_json::{Map, Value, json};

use crate::config::{Access, DynamicUser};

/// A role that lasts for so many seconds.
pub(super) fn role(name: &str, spec: &DynamicUser, seconds: u64) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(name));
    body.insert("ttl".to_owned(), json!(seconds));
    body.insert("inherited_roles".to_owned(), json!(spec.member_of));
    let safety = [
        ("require_where_on_delete", spec.require_where_on_delete),
        ("require_where_on_update", spec.require_where_on_update),
    ];
    for (name, value) in safety {
        if let Some(value) = value {
            body.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(body)
}

/// A password that lasts for so many seconds, or until it is deleted.
pub(super) fn password(
    name: &str,
    access: Option<Access>,
    replica: bool,
    cidrs: &[String],
    seconds: Option<u64>,
) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(name));
    body.insert("role".to_owned(), json!(access));
    body.insert("replica".to_owned(), json!(replica));
    if let Some(seconds) = seconds {
        body.insert("ttl".to_owned(), json!(seconds));
    }
    if !cidrs.is_empty() {
        body.insert("cidrs".to_owned(), json!(cidrs));
    }
    Value::Object(body)
}
