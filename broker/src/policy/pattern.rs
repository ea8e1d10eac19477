//! Whether a workload is one of those that a pattern means.

use serde_json::Value;

use crate::config::{Glob, WorkloadPattern};
use crate::model::Workload;

/// Every part that is given must match.
pub(super) fn matches(pattern: &WorkloadPattern, workload: &Workload) -> bool {
    let claim_matches = |(path, glob): (&crate::config::ClaimPath, &Glob)| {
        workload.claims.at(path.steps()).is_some_and(|value| value_matches(glob, value))
    };
    pattern.issuer.matches(workload.principal.issuer.as_str())
        && pattern.subject.as_ref().is_none_or(|subject| subject.matches(&workload.principal.subject))
        && pattern.claims.iter().all(claim_matches)
}

/// A list matches if one of its elements does, but a list within a list does not.
fn value_matches(glob: &Glob, value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| scalar_matches(glob, element)),
        scalar => scalar_matches(glob, scalar),
    }
}

/// Text as it is; numbers and booleans as JSON writes them. `null` and objects match nothing, not even `*`.
fn scalar_matches(glob: &Glob, value: &Value) -> bool {
    match value {
        Value::String(text) => glob.matches(text),
        Value::Number(number) => glob.matches(&number.to_string()),
        Value::Bool(truth) => glob.matches(if *truth { "true" } else { "false" }),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}
