//! Who may do what: bindings and operators of the configuration, applied to a workload.
//!
//! Pure: nothing is read, asked or remembered. What is allowed comes out as a permit, a value that only this
//! module can make, and without which there is no credential. What is refused comes out with its reason, which
//! is for the log and the audit alone: whoever asked must not learn whether a role exists.

mod pattern;
mod permit;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use permit::{OperatorPermit, Permit, broker_itself};

use crate::config::{Binding, Config, Right, Role};
use crate::model::{RoleName, Workload};
use crate::policy::permit::Usable;

/// The bindings and operators of one configuration.
#[derive(Debug)]
pub struct Policy {
    config: Arc<Config>,
    roles: BTreeMap<RoleName, Arc<Usable>>,
}

/// Why something is not allowed. Outside all of these look the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such role.
    #[error("there is no such role")]
    UnknownRole,
    /// The role is there, and no binding of the workload names it.
    #[error("no binding gives the workload this role")]
    NotBound,
    /// The workload is not an operator with that right.
    #[error("no operator entry gives the workload the right `{}`", .0.as_str())]
    NotOperator(Right),
}

impl Policy {
    /// The policy that the configuration describes.
    pub fn new(config: Arc<Config>) -> Self {
        let usable = |(name, role): (&RoleName, &Role)| {
            let database = config.databases.get(&role.database)?;
            Some((name.clone(), Arc::new(Usable::new(name, role, database))))
        };
        let roles = config.roles.iter().filter_map(usable).collect();
        Self { config, roles }
    }

    /// Lets the workload use the role, if a binding says so. Of several that do, the most generous counts.
    pub fn authorize(&self, workload: &Arc<Workload>, role: &RoleName) -> Result<Permit, Refusal> {
        // All bindings are matched before the role is looked for, so that the time it takes says nothing about it.
        let bindings: Vec<_> = self.bindings(workload).collect();
        let naming = bindings.iter().filter(|binding| binding.roles.contains(role));
        let limits: Vec<_> = naming.map(|binding| binding.max_leases).collect();
        let usable = self.roles.get(role).ok_or(Refusal::UnknownRole)?;
        if limits.is_empty() {
            return Err(Refusal::NotBound);
        }
        Ok(Permit {
            workload: Arc::clone(workload),
            usable: Arc::clone(usable),
            max_leases: limits.into_iter().try_fold(0, |most, limit| limit.map(|limit| limit.max(most))),
        })
    }

    /// The roles whose password the broker itself rotates, for that and nothing else.
    pub fn rotated(&self) -> Vec<Permit> {
        let roles = self.roles.values().filter(|usable| usable.is_rotated());
        roles
            .map(|usable| Permit {
                workload: Arc::new(broker_itself()),
                usable: usable.clone(),
                max_leases: None,
            })
            .collect()
    }

    /// The roles that the workload may use, by name.
    pub fn roles(&self, workload: &Workload) -> Vec<RoleName> {
        let named: BTreeSet<_> = self.bindings(workload).flat_map(|binding| &binding.roles).collect();
        named.into_iter().filter(|name| self.roles.contains_key(*name)).cloned().collect()
    }

    /// Lets the workload operate the broker, if an operator entry says so.
    pub fn operate(&self, workload: &Workload, right: Right) -> Result<OperatorPermit, Refusal> {
        if self.rights(workload).contains(&right) {
            Ok(OperatorPermit { principal: workload.principal.clone(), right })
        } else {
            Err(Refusal::NotOperator(right))
        }
    }

    /// What the workload may do as an operator.
    pub fn rights(&self, workload: &Workload) -> BTreeSet<Right> {
        let entries = self.config.operators.iter();
        let matching = entries.filter(|operator| pattern::matches(&operator.workloads, workload));
        matching.flat_map(|operator| operator.may.iter().copied()).collect()
    }

    fn bindings(&self, workload: &Workload) -> impl Iterator<Item = &Binding> {
        self.config.bindings.iter().filter(|binding| pattern::matches(&binding.workloads, workload))
    }
}
