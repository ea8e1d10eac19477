//! JSON objects: what all formats have in common that a program passes whole to its driver.

use serde_json::{Map, Value as Json};

use crate::dsn::{Settings, Value};

/// The settings as an object, over what is always in it. A name with dots leads into objects within: `ssl.ca`.
pub(super) fn object(always: &str, settings: &Settings<'_>) -> String {
    object_of(always, settings.expose())
}

/// The same of these alone.
pub(super) fn object_of<'a>(
    always: &str,
    members: impl Iterator<Item = (&'static str, Value<'a>)>,
) -> String {
    let mut object: Map<String, Json> = serde_json::from_str(always).unwrap_or_default();
    for (name, value) in members {
        put(&mut object, name, json(value));
    }
    Json::Object(object).to_string()
}

fn put(object: &mut Map<String, Json>, name: &str, value: Json) {
    match name.split_once('.') {
        None => drop(object.insert(name.to_owned(), value)),
        Some((first, rest)) => {
            let within = object.entry(first).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(within) = within {
                put(within, rest, value);
            }
        }
    }
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => Json::from(text),
        Value::Number(number) => Json::from(number),
        Value::Flag(flag) => Json::from(flag),
    }
}
