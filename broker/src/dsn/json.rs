//! The parameters as a JSON object, with a private CA in `ca_pem`: for programs that build their own options.

use serde::Serializer as _;

use crate::dsn::{Parameters, Target, Trust, Value};

#[expect(clippy::expect_used, reason = "strings and numbers under string keys always serialize")]
pub(super) fn render(target: &Target<'_>, parameters: &Parameters<'_>) -> String {
    let ca_pem = match target.trust {
        Trust::System => None,
        Trust::Private { pem } => Some(("ca_pem", Value::Text(pem))),
    };
    let members = parameters.expose_by_keyword().chain(ca_pem);
    let mut text = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::new(&mut text);
    serializer.collect_map(members).expect("a map of strings and numbers");
    String::from_utf8(text).expect("JSON is UTF-8")
}
