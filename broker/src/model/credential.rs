//! What an engine makes, and what it needs to unmake it.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// What makes and unmakes credentials.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// A Postgres server of one's own.
    Postgres,
}

impl EngineKind {
    /// The kinds of credential it can make.
    pub fn credential_kinds(self) -> &'static [CredentialKind] {
        match self {
            Self::Postgres => &[CredentialKind::DynamicUser],
        }
    }

    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
        }
    }
}

/// How a credential is made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A fresh database user per lease.
    DynamicUser,
    /// A pair of users whose passwords are rotated in turn.
    RotatedPassword,
    /// A provider's short-lived token, used as the password.
    ConnectToken,
}

impl CredentialKind {
    /// As it stands in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DynamicUser => "dynamic_user",
            Self::RotatedPassword => "rotated_password",
            Self::ConnectToken => "connect_token",
        }
    }
}

/// Who holds the same credential.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// All instances of a workload.
    #[default]
    Workload,
    /// One instance (pod, process) of a workload.
    Instance,
    /// Nobody: every request gets its own.
    Request,
    /// Everyone who may use the role.
    Role,
}

/// User and password, as the database knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The user name.
    pub username: String,
    /// The password or token.
    pub password: Secret,
}

/// All that the engine needs to end a credential, kept with its lease, so that a role which was
/// changed or removed since can still be cleaned up after. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// The user to remove.
    pub username: String,
    /// The databases on that server in which the user may own things or hold privileges.
    pub databases: Vec<String>,
    /// The role that inherits what the user may own, instead of its being dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}
