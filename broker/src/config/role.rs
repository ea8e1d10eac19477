//! `roles`: which sets of privileges can be asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::Span;
use crate::model::{CredentialKind, DatabaseName, EndpointName, Share};

/// A named set of privileges on one database, and how its credential is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The database.
    pub database: DatabaseName,
    /// How the credential is made.
    pub credential: CredentialSpec,
    /// How long a lease lives unless the caller asks for another time.
    pub ttl: Span,
    /// The longest life of a lease, renewals included. Default: `ttl`.
    #[serde(default)]
    pub max_ttl: Option<Span>,
    /// Who holds the same credential.
    #[serde(default)]
    pub share: Share,
    /// The endpoints it may be used through; the first is the default. Default: all, `primary` first.
    #[serde(default)]
    pub endpoints: Vec<EndpointName>,
    /// How long sessions may go on after the end of their lease before they are ended.
    #[serde(default = "drain")]
    pub drain: Span,
    /// Settings of the server for every session: `statement_timeout`, `search_path`, …
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// How a credential is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CredentialSpec {
    /// A fresh database user per lease.
    DynamicUser(DynamicUser),
    /// A pair of users whose passwords are rotated in turn.
    RotatedPassword {},
    /// A provider's short-lived token, used as the password.
    ConnectToken {},
}

/// A fresh database user per lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicUser {
    /// The database roles it becomes a member of: its privileges. Nothing is ever granted to it directly.
    pub member_of: Vec<String>,
    /// The role that its sessions act as, so that what they create belongs to that role and outlives the lease.
    #[serde(default)]
    pub set_role: Option<String>,
    /// The most sessions it may have at once. Default: no limit.
    #[serde(default)]
    pub connection_limit: Option<u32>,
    /// Other databases of the same server in which it may come to own things, to be cleaned up too.
    #[serde(default)]
    pub databases: Vec<String>,
}

impl Role {
    /// The longest life of a lease, renewals included.
    pub fn max_ttl(&self) -> Duration {
        self.max_ttl.map_or(self.ttl.0, |span| span.0)
    }
}

impl CredentialSpec {
    /// The kind alone.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::DynamicUser(_) => CredentialKind::DynamicUser,
            Self::RotatedPassword {} => CredentialKind::RotatedPassword,
            Self::ConnectToken {} => CredentialKind::ConnectToken,
        }
    }
}

fn drain() -> Span {
    Span(Duration::from_secs(30))
}
