//! `bindings` and `operators`: who may do what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{ClaimPath, Glob, Issuer, Role};
use crate::model::{IssuerName, RoleName};

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
    pub issuer: Glob,
    /// The subject, or a glob. Default: any.
    #[serde(default)]
    pub subject: Option<Glob>,
    /// Claims that must be there: path to value or glob. A list matches if one of its elements does;
    /// numbers and booleans are compared as JSON writes them. Default: none.
    #[serde(default)]
    pub claims: BTreeMap<ClaimPath, Glob>,
}

impl Right {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Leases => "leases",
            Self::Revoke => "revoke",
            Self::Audit => "audit",
            Self::Rotate => "rotate",
        }
    }
}

impl Binding {
    pub(super) fn check(
        &self,
        issuers: &BTreeMap<IssuerName, Issuer>,
        roles: &BTreeMap<RoleName, Role>,
        key: &Key,
        mistakes: &mut Mistakes,
    ) {
        self.workloads.check(issuers, &key.at("workloads"), mistakes);
        if self.roles.is_empty() {
            mistakes.add(key.at("roles"), "no role is named, so that the binding grants nothing");
        }
        check::no_repeats(&self.roles, &key.at("roles"), mistakes);
        for (index, role) in self.roles.iter().enumerate() {
            if !roles.contains_key(role) {
                let message = format!("there is no role `{role}`; there are {}", check::list(roles.keys()));
                mistakes.add(key.at("roles").index(index), message);
            }
        }
        if self.max_leases == Some(0) {
            mistakes.add(key.at("max_leases"), "0 would let nobody in: at least 1, or remove the binding");
        }
    }
}

impl Operator {
    pub(super) fn check(&self, issuers: &BTreeMap<IssuerName, Issuer>, key: &Key, mistakes: &mut Mistakes) {
        self.workloads.check(issuers, &key.at("workloads"), mistakes);
        if self.may.is_empty() {
            mistakes.add(key.at("may"), "no right is named, so that nothing is granted");
        }
    }
}

impl WorkloadPattern {
    fn check(&self, issuers: &BTreeMap<IssuerName, Issuer>, key: &Key, mistakes: &mut Mistakes) {
        let matching = issuers.keys().filter(|name| self.issuer.matches(name.as_str())).count();
        if matching == 0 {
            let (pattern, known) = (&self.issuer, check::list(issuers.keys()));
            mistakes.add(key.at("issuer"), format!("no issuer is called `{pattern}`; there are {known}"));
        } else if !self.issuer.is_exact() && matching == issuers.len() && self.is_any_within_issuer() {
            let message =
                "this matches everybody whom any issuer vouches for: name one issuer, a subject or a claim";
            mistakes.add(key.clone(), message);
        }
        if let Some(subject) = &self.subject {
            check::not_blank(&subject.to_string(), key.at("subject"), mistakes);
        }
        for (path, value) in &self.claims {
            check::not_blank(&value.to_string(), key.at("claims").at(path), mistakes);
        }
    }

    /// Whether it leaves open who of the issuer is meant.
    pub(super) fn is_any_within_issuer(&self) -> bool {
        self.subject.iter().chain(self.claims.values()).all(Glob::is_any)
    }
}
