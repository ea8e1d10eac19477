//! Who calls: an authenticated workload.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::IssuerName;

/// An authenticated caller: what the broker verified about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Who vouched for it, and as whom.
    pub principal: Principal,
    /// The verified attributes (for a token: its claims).
    pub claims: Claims,
    /// Which instance (pod, process) of the workload calls, where that is known.
    pub instance: Option<String>,
}

/// The name of a workload: issuer and subject.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Principal {
    /// The issuer that vouched for the workload.
    pub issuer: IssuerName,
    /// Who it is there.
    pub subject: String,
}

/// Verified attributes of a workload: a JSON object.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Claims(pub serde_json::Map<String, Value>);

impl Claims {
    /// The value at `path`: one key after another, from the outermost object inwards.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        let mut steps = path.into_iter();
        let outermost = self.0.get(steps.next()?)?;
        steps.try_fold(outermost, |value, step| value.get(step))
    }
}
