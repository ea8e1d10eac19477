//! What an engine makes, and what it needs to unmake it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::EndpointName;
use crate::secret::Secret;

/// How a credential is made.
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
pub enum CredentialKind {
    /// A fresh database user per lease.
    #[default]
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
    /// What of an endpoint the provider says and not the configuration, or says otherwise: by endpoint.
    pub places: BTreeMap<EndpointName, Place>,
}

impl Credential {
    /// A user and password that are the same at every endpoint, and the configuration says where these are.
    pub fn new(username: impl Into<String>, password: Secret) -> Self {
        Self { username: username.into(), password, places: BTreeMap::new() }
    }
}

/// What a provider says of an endpoint: each part takes the place of the configuration's, or of the credential's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The host, as its certificate names it.
    pub host: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// The user, as this endpoint wants it written.
    pub username: Option<String>,
    /// The password or token, where it is good for this endpoint alone.
    pub password: Option<Secret>,
    /// The database.
    pub dbname: Option<String>,
}

/// All that the engine needs to end a credential, kept with its lease, so that a role which was
/// changed or removed since can still be cleaned up after. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// How it was made, and is to be ended.
    #[serde(default, skip_serializing_if = "is_dynamic_user")]
    pub kind: CredentialKind,
    /// The user to remove; where the provider makes up its user names, the name that we gave it there.
    pub username: String,
    /// The databases on that server in which the user may own things or hold privileges.
    #[serde(default)]
    pub databases: Vec<String>,
    /// The role that inherits what the user may own, instead of its being dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What the provider calls it, once it has said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Handle {
    /// For a user of this name, with nothing particular about it.
    pub fn of(username: impl Into<String>) -> Self {
        Self {
            kind: CredentialKind::DynamicUser,
            username: username.into(),
            databases: Vec::new(),
            owner: None,
            id: None,
        }
    }
}

fn is_dynamic_user(kind: &CredentialKind) -> bool {
    *kind == CredentialKind::DynamicUser
}
