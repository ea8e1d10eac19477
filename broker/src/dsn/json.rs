//! JSON, for formats that are made of it.

use serde::Serializer as _;

use crate::dsn::Value;

/// An object.
#[expect(clippy::expect_used, reason = "strings and numbers under string keys always serialize")]
pub(super) fn object<'a>(members: impl Iterator<Item = (&'static str, Value<'a>)>) -> String {
    let mut text = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::new(&mut text);
    serializer.collect_map(members).expect("a map of strings and numbers");
    String::from_utf8(text).expect("JSON is UTF-8")
}
