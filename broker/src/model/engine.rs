//! The engines, and what is known of each without asking it.

use serde::{Deserialize, Serialize};

use crate::model::CredentialKind;

/// What makes and unmakes credentials.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// A Postgres server of one's own.
    Postgres,
    /// A MySQL or MariaDB server of one's own.
    Mysql,
    /// A branch of a PlanetScale Postgres database.
    PlanetscalePostgres,
    /// A branch of a PlanetScale MySQL (Vitess) database.
    PlanetscaleMysql,
    /// A branch of a Neon project.
    Neon,
    /// A DB9 database.
    Db9,
    /// An Amazon RDS or Aurora database.
    Rds,
}

/// What is known of an engine without asking it: what a configuration may say, and what its clients speak.
#[derive(Debug)]
pub struct EngineFacts {
    /// Its name in the configuration.
    pub name: &'static str,
    /// The kinds of credential it can make.
    pub credential_kinds: &'static [CredentialKind],
    /// What clients speak to its databases; `None` where the database's section says it.
    pub protocol: Option<Protocol>,
    /// The section of the database that says what is particular to it.
    pub section: Option<&'static str>,
    /// Whether the broker needs a user of its own in the database.
    pub admin: Admin,
    /// Whether the provider knows the hosts of endpoints, so that the configuration need not say them.
    pub knows_hosts: bool,
    /// The keys of a `dynamic_user` that mean something to it.
    pub dynamic_user: &'static [&'static str],
    /// … of a `rotated_password`.
    pub rotated_password: &'static [&'static str],
}

/// What clients speak to a database.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// That of Postgres.
    Postgres,
    /// That of MySQL and MariaDB.
    Mysql,
}

/// Whether the broker needs a user of its own in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admin {
    /// Always.
    Needed,
    /// For some kinds of credential.
    Optional,
    /// Never: the provider's API does it all.
    None,
}

impl EngineKind {
    /// What is known of it.
    pub fn facts(self) -> &'static EngineFacts {
        match self {
            Self::Postgres => &POSTGRES,
            Self::Mysql => &MYSQL,
            Self::PlanetscalePostgres => &PLANETSCALE_POSTGRES,
            Self::PlanetscaleMysql => &PLANETSCALE_MYSQL,
            Self::Neon => &NEON,
            Self::Db9 => &DB9,
            Self::Rds => &RDS,
        }
    }

    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The kinds of credential it can make.
    pub fn credential_kinds(self) -> &'static [CredentialKind] {
        self.facts().credential_kinds
    }
}

impl Protocol {
    /// As people call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "Postgres",
            Self::Mysql => "MySQL",
        }
    }

    /// The port of a server that does not say another one.
    pub fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::Mysql => 3306,
        }
    }
}

const BY_SQL: &[&str] = &["member_of", "set_role", "connection_limit", "databases"];
/// Of users that are there, and whose passwords are changed.
const PAIR: &[&str] = &["users", "rotate", "adopt"];

static POSTGRES: EngineFacts = EngineFacts {
    name: "postgres",
    credential_kinds: &[CredentialKind::DynamicUser, CredentialKind::RotatedPassword],
    protocol: Some(Protocol::Postgres),
    section: None,
    admin: Admin::Needed,
    knows_hosts: false,
    dynamic_user: BY_SQL,
    rotated_password: PAIR,
};

static MYSQL: EngineFacts = EngineFacts {
    name: "mysql",
    credential_kinds: &[CredentialKind::DynamicUser, CredentialKind::RotatedPassword],
    protocol: Some(Protocol::Mysql),
    section: None,
    admin: Admin::Needed,
    knows_hosts: false,
    dynamic_user: &["member_of", "privileges", "connection_limit"],
    rotated_password: PAIR,
};

static PLANETSCALE_POSTGRES: EngineFacts = EngineFacts {
    name: "planetscale-postgres",
    credential_kinds: &[CredentialKind::DynamicUser, CredentialKind::RotatedPassword],
    protocol: Some(Protocol::Postgres),
    section: Some("planetscale"),
    admin: Admin::None,
    knows_hosts: true,
    dynamic_user: &["member_of", "successor", "require_where_on_delete", "require_where_on_update"],
    rotated_password: PAIR,
};

static PLANETSCALE_MYSQL: EngineFacts = EngineFacts {
    name: "planetscale-mysql",
    credential_kinds: &[CredentialKind::DynamicUser, CredentialKind::RotatedPassword],
    protocol: Some(Protocol::Mysql),
    section: Some("planetscale"),
    admin: Admin::None,
    knows_hosts: true,
    dynamic_user: &["access", "replica", "cidrs"],
    rotated_password: &["users", "rotate", "access", "replica", "cidrs"],
};

static NEON: EngineFacts = EngineFacts {
    name: "neon",
    credential_kinds: &[CredentialKind::DynamicUser, CredentialKind::RotatedPassword],
    protocol: Some(Protocol::Postgres),
    section: Some("neon"),
    admin: Admin::Needed,
    knows_hosts: true,
    dynamic_user: BY_SQL,
    rotated_password: PAIR,
};

static DB9: EngineFacts = EngineFacts {
    name: "db9",
    credential_kinds: &[
        CredentialKind::ConnectToken,
        CredentialKind::DynamicUser,
        CredentialKind::RotatedPassword,
    ],
    protocol: Some(Protocol::Postgres),
    section: Some("db9"),
    admin: Admin::None,
    knows_hosts: true,
    dynamic_user: &["member_of"],
    rotated_password: PAIR,
};

static RDS: EngineFacts = EngineFacts {
    name: "rds",
    credential_kinds: &[
        CredentialKind::ConnectToken,
        CredentialKind::DynamicUser,
        CredentialKind::RotatedPassword,
    ],
    protocol: None,
    section: Some("rds"),
    admin: Admin::Optional,
    knows_hosts: false,
    dynamic_user: &["member_of", "set_role", "connection_limit", "databases", "privileges"],
    rotated_password: PAIR,
};
