//! The configuration as a JSON Schema, for editors and reviewers.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::config::Config;

impl Config {
    /// The JSON Schema (draft 2020-12) of the file: every key with what it means and its default.
    pub fn schema() -> Value {
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Self>().to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `visit` with each property's name, what is said about it, its default, and whether it is required.
    fn visit_properties(schema: &Value, visit: &mut impl FnMut(&str, &str, Option<&Value>, bool)) {
        let required = |name: &str| {
            schema.get("required").and_then(Value::as_array).is_some_and(|names| names.contains(&name.into()))
        };
        let empty = serde_json::Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for (name, property) in properties {
            // The one key of a variant (`file`, `env`) is described with the variant, and `kind` by its values.
            let around = (properties.len() == 1 || name == "kind").then_some(schema);
            let described =
                [Some(property), around].into_iter().flatten().find_map(|it| it.get("description"));
            let default = property.get("default").filter(|default| !default.is_null());
            visit(name, described.and_then(Value::as_str).unwrap_or_default(), default, required(name));
        }
        match schema {
            Value::Object(entries) => entries.values().for_each(|value| visit_properties(value, visit)),
            Value::Array(items) => items.iter().for_each(|item| visit_properties(item, visit)),
            _ => {}
        }
    }

    #[test]
    fn it_has_a_title_patterns_and_closed_objects() {
        let schema = Config::schema();
        let at = |pointer: &str| schema.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"));
        assert_eq!(at("/title"), "The configuration of dsn-broker");
        assert!(at("/$defs/Span/pattern").is_string());
        assert_eq!(at("/$defs/SecretRef/oneOf/0/additionalProperties"), false);
        assert_eq!(at("/$defs/CredentialSpec/oneOf/0/properties/kind/const"), "dynamic_user");
        assert_eq!(at("/$defs/Server/additionalProperties"), false);
    }

    #[test]
    fn every_key_is_described_with_its_true_default() {
        let (mut keys, mut wanting) = (0, Vec::new());
        visit_properties(&Config::schema(), &mut |name, described, default, required| {
            keys += 1;
            let said = match default {
                _ if required => String::new(),
                Some(Value::String(text)) => format!("Default: `{text}`."),
                Some(scalar @ (Value::Bool(_) | Value::Number(_))) => format!("Default: `{scalar}`."),
                _ => "Default: ".to_owned(),
            };
            if described.is_empty() || !described.contains(&said) {
                wanting.push(format!("{name} should say {said:?}: {described:?}"));
            }
        });
        assert!(keys > 80, "{keys} keys are too few");
        assert!(wanting.is_empty(), "{}", wanting.join("\n"));
    }
}
