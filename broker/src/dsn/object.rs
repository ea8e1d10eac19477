//! JSON objects: what all formats have in common that a program passes whole to its driver.

use serde_json::{Map, Value as Json};

use crate::dsn::{Settings, Value};

/// The settings as an object, over what is always in it. A name with dots leads into objects within: `ssl.ca`.
pub(super) fn object(always: &str, settings: &Settings<'_>) -> String {
    Json::Object(nested(always, settings.expose())).to_string()
}

/// The same of some settings.
pub(super) fn nested<'a>(
    always: &str,
    settings: impl Iterator<Item = (&'static str, Value<'a>)>,
) -> Map<String, Json> {
    let mut object: Map<String, Json> = serde_json::from_str(always).unwrap_or_default();
    for (name, value) in settings {
        let (within, last) = name.rsplit_once('.').map_or(("", name), |(within, last)| (within, last));
        let place = within.split('.').filter(|step| !step.is_empty()).fold(&mut object, |object, step| {
            let inner = object.entry(step).or_insert_with(|| Json::Object(Map::new()));
            if !inner.is_object() {
                *inner = Json::Object(Map::new());
            }
            match inner {
                Json::Object(inner) => inner,
                _ => unreachable!("it was made one"),
            }
        });
        place.insert(last.to_owned(), json(value));
    }
    object
}

fn json(value: Value<'_>) -> Json {
    match value {
        Value::Text(text) => Json::from(text),
        Value::Number(number) => Json::from(number),
        Value::Flag(flag) => Json::from(flag),
    }
}
