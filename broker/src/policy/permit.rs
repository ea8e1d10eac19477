//! Permits: what is allowed, as values. Only the policy makes them.

use std::sync::Arc;

use ring::digest::{SHA256, digest};

use crate::config::{Database, Right, Role};
use crate::model::{Claims, CredentialKind, DatabaseName, Principal, RoleName, Workload};

/// A workload may use a role.
#[derive(Debug)]
pub struct Permit {
    pub(super) workload: Arc<Workload>,
    pub(super) usable: Arc<Usable>,
    pub(super) max_leases: Option<u32>,
}

/// A role with what it needs, as it was when the configuration was loaded.
#[derive(Debug)]
pub(super) struct Usable {
    name: RoleName,
    role: Role,
    database: Database,
    fingerprint: String,
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
    pub fn name(&self) -> &RoleName {
        &self.usable.name
    }

    /// The role, as it was when this was allowed.
    pub fn role(&self) -> &Role {
        &self.usable.role
    }

    /// The name of the role's database.
    pub fn database_name(&self) -> &DatabaseName {
        &self.usable.role.database
    }

    /// The role's database, as it was when this was allowed.
    pub fn database(&self) -> &Database {
        &self.usable.database
    }

    /// Tells apart credentials that differ in what they are made of or where: it changes with the role, and with
    /// the server and database that its credentials are made in. The same in all replicas of one version.
    pub fn fingerprint(&self) -> &str {
        &self.usable.fingerprint
    }

    /// How many live leases the workload may have for the role; `None` for any number.
    pub fn max_leases(&self) -> Option<u32> {
        self.max_leases
    }
}

/// The broker as a workload: who causes what nobody asked for, and has what is nobody's own.
pub fn broker_itself() -> Workload {
    #[expect(clippy::expect_used, reason = "the literal is a name")]
    let issuer = "dsn-broker".parse().expect("a name");
    let principal = Principal { issuer, subject: "rotation".to_owned() };
    Workload { principal, claims: Claims::default(), instance: None }
}

impl Usable {
    pub(super) fn is_rotated(&self) -> bool {
        self.role.credential.kind() == CredentialKind::RotatedPassword
    }

    pub(super) fn new(name: &RoleName, role: &Role, database: &Database) -> Self {
        let admin = database.admin.as_ref().and_then(|admin| database.endpoints.get(&admin.endpoint));
        let server = admin.map(|endpoint| (&endpoint.host, endpoint.port));
        let provider = (&database.planetscale, &database.neon, &database.db9, &database.rds);
        let made_of = format!("{:?}", (role, database.engine, &database.dbname, server, provider));
        let hash = digest(&SHA256, made_of.as_bytes());
        let fingerprint = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name: name.clone(), role: role.clone(), database: database.clone(), fingerprint }
    }
}

/// A workload may operate the broker.
#[derive(Debug)]
pub struct OperatorPermit {
    pub(super) principal: Principal,
    pub(super) right: Right,
}

impl OperatorPermit {
    /// Who may.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// What it may do.
    pub fn right(&self) -> Right {
        self.right
    }
}
