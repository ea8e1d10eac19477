//! `bindings` and `operators`: who may do what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::ClaimPath;
use crate::model::RoleName;

/// Which workloads may use which roles.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// Whom this binding is for.
    pub workloads: WorkloadPattern,
    /// The roles they may use.
    pub roles: Vec<RoleName>,
    /// How many live leases one workload may have for one of these roles. Default: no limit.
    #[serde(default)]
    pub max_leases: Option<u32>,
}

/// Which workloads may operate the broker.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Whom this is for.
    pub workloads: WorkloadPattern,
    /// What they may do.
    pub may: Vec<Right>,
}

/// What an operator may do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// See all leases and the state of the databases.
    Leases,
    /// Revoke any lease.
    Revoke,
    /// Read the audit.
    Audit,
    /// Rotate the broker's own admin credentials.
    Rotate,
}

/// Which workloads are meant: every part that is given must match.
///
/// A value is exact, or a glob in which `*` stands for any run of characters; never a regular expression.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadPattern {
    /// The issuer's name, or a glob.
    pub issuer: String,
    /// The subject, or a glob. Default: any.
    #[serde(default)]
    pub subject: Option<String>,
    /// Claims that must be there: path to value or glob. A list matches if one of its elements does.
    #[serde(default)]
    pub claims: BTreeMap<ClaimPath, String>,
}
