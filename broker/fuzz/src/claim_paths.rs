//! Paths to claims.

use dsn_broker::config::ClaimPath;
use dsn_broker::model::Claims;
use serde_json::{Map, Value, json};

/// As a path: what is understood is shown so that it is understood again. As lines that are keys: quoted and joined
/// they are the path to what lies under these keys, and to nothing else.
pub fn claim_paths(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match text.parse::<ClaimPath>() {
        Ok(path) => {
            assert_eq!(path.to_string().parse::<ClaimPath>().as_ref(), Ok(&path), "{text:?}");
            check_steps(&path, &path.steps().collect::<Vec<_>>());
            assert!(text.len() >= path.steps().map(str::len).sum::<usize>() + path.steps().count() - 1);
        }
        // Shown with escapes, so that it cannot look like another line of a log.
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
    let keys: Vec<&str> = text.split('\n').take(64).collect();
    let quoted = |key: &&str| format!("\"{}\"", key.replace('\\', r"\\").replace('"', r#"\""#));
    let path: ClaimPath = keys.iter().map(quoted).collect::<Vec<_>>().join(".").parse().unwrap();
    check_steps(&path, &keys);
}

fn check_steps(path: &ClaimPath, keys: &[&str]) {
    assert_eq!(path.steps().collect::<Vec<_>>(), keys);
    assert!(!keys.is_empty());
    if keys.len() > 64 {
        return;
    }
    let found = |claims: Value| match claims {
        Value::Object(claims) => Claims(claims).at(path.steps()).cloned(),
        _ => None,
    };
    let nested = |innermost: Value| keys.iter().rev().fold(innermost, |inner, key| json!({ *key: inner }));
    assert_eq!(found(nested("here".into())), Some("here".into()), "{keys:?}");
    let outer = &keys[..keys.len() - 1];
    let cut = outer.iter().rev().fold(Value::from("here"), |inner, key| json!({ *key: inner }));
    assert_eq!(found(cut), None, "{keys:?}");
    assert_eq!(found(nested(Value::Object(Map::new()))["\u{0}no such key"].take()), None);
    assert_eq!(found(json!({ "other": nested("here".into()) })).is_some(), false_friends(keys));
}

/// Whether the keys also lead somewhere when all lies one level deeper, under `other`.
fn false_friends(keys: &[&str]) -> bool {
    keys[0] == "other"
        && keys.windows(2).all(|pair| pair[0] == pair[1] || pair[0] == "other" && pair[1] == keys[0])
}
