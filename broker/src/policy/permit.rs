//! Permits: what is allowed, as values. Only the policy makes them, and each is used up by what it allows.

use std::sync::Arc;

use crate::config::{Database, Right, Role};
use crate::model::{RoleName, Workload};

/// A workload may use a role.
#[derive(Debug)]
pub struct Permit {
    pub(super) workload: Arc<Workload>,
    pub(super) name: RoleName,
    pub(super) role: Arc<Role>,
    pub(super) database: Arc<Database>,
    pub(super) definition: Arc<str>,
    pub(super) max_leases: Option<u32>,
}

impl Permit {
    /// Who may.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// Which instance of the workload asked, where that is known.
    pub fn instance(&self) -> Option<&str> {
        self.workload.instance.as_deref()
    }

    /// The name of the role.
    pub fn role_name(&self) -> &RoleName {
        &self.name
    }

    /// The role, as it was when this was allowed.
    pub fn role(&self) -> &Arc<Role> {
        &self.role
    }

    /// The role's database, as it was when this was allowed.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// All that a credential depends on, as text: the role, and the server and database where it is made. Another
    /// definition is another credential.
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// How many live leases the workload may have for the role; `None` for any number.
    pub fn max_leases(&self) -> Option<u32> {
        self.max_leases
    }
}

/// A workload may operate the broker.
#[derive(Debug)]
pub struct OperatorPermit {
    pub(super) workload: Workload,
    pub(super) right: Right,
}

impl OperatorPermit {
    /// Who may.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// What it may do.
    pub fn right(&self) -> Right {
        self.right
    }
}
