//! JSON objects: what all formats have in common that a program passes whole to its driver.

use serde_json::{Map, Value as Json};

use crate::dsn::{Settings, Value};

/// The settings as an object, over what is always in it. A name with dots leads into objects within: `ssl.ca`.
pub(super) fn object(always: &str, settings: &Settings<'_>) -> String {
    Json::Object(nested(always, settings.expose())).to_string()
}

/// The same of some settings.
#[expect(clippy::expect_used, reason = "the constant part is in the source, and rendered by tests")]
pub(super) fn nested<'a>(
    always: &str,
    settings: impl Iterator<Item = (&'static str, Value<'a>)>,
) -> Map<String, Json> {
    let mut object: Map<String, Json> = serde_json::from_str(always).expect("it is written here, and JSON");
    for (name, value) in settings {
        put(&mut object, name, json(value));
    }
    object
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
