//! What the audit records.

use serde::{Deserialize, Serialize};

use crate::id::{LeaseId, StreamId};
use crate::model::{DatabaseName, Principal, RoleName};
use crate::time::Timestamp;

/// One thing that happened. Never holds a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, by the broker's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Who caused it, where somebody did.
    pub principal: Option<Principal>,
    /// The role it is about.
    pub role: Option<RoleName>,
    /// The database it is about.
    pub database: Option<DatabaseName>,
    /// The lease it is about.
    pub lease: Option<LeaseId>,
    /// The request that caused it.
    pub request: Option<String>,
    /// More, as a JSON object.
    pub detail: Detail,
}

/// More about an event: a JSON object.
pub type Detail = serde_json::Map<String, serde_json::Value>;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Action {
    /// A broker process began its stream.
    #[serde(rename = "stream.opened")]
    StreamOpened,
    /// A broker process ended its stream in good order.
    #[serde(rename = "stream.closed")]
    StreamClosed,
    /// A configuration was loaded.
    #[serde(rename = "config.loaded")]
    ConfigLoaded,
    /// A configuration was refused; the one before it stays.
    #[serde(rename = "config.refused")]
    ConfigRefused,
    /// Identity was not proven, once or (`detail.count`) many times.
    #[serde(rename = "authentication.failed")]
    AuthenticationFailed,
    /// Something was not granted.
    #[serde(rename = "authorization.refused")]
    AuthorizationRefused,
    /// A credential was made.
    #[serde(rename = "lease.issued")]
    LeaseIssued,
    /// A credential was handed out.
    #[serde(rename = "lease.delivered")]
    LeaseDelivered,
    /// A lease was extended.
    #[serde(rename = "lease.renewed")]
    LeaseRenewed,
    /// A lease has to end.
    #[serde(rename = "lease.ending")]
    LeaseEnding,
    /// A credential is gone.
    #[serde(rename = "lease.revoked")]
    LeaseRevoked,
    /// What may have been made for a lease that never came to life is gone.
    #[serde(rename = "lease.undone")]
    LeaseUndone,
    /// An operator asked for revocations.
    #[serde(rename = "revocation.requested")]
    RevocationRequested,
    /// An operator asked for the rotation of a password.
    #[serde(rename = "rotation.requested")]
    RotationRequested,
    /// A user that no lease accounts for was found.
    #[serde(rename = "orphan.found")]
    OrphanFound,
    /// A user that no lease accounts for was removed.
    #[serde(rename = "orphan.removed")]
    OrphanRemoved,
    /// An operator read the audit.
    #[serde(rename = "audit.read")]
    AuditRead,
}

/// An event as it stands in the chain.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its stream.
    pub stream: StreamId,
    /// Its place there, from 1.
    pub seq: i64,
    /// The event.
    pub event: Event,
}

impl Event {
    /// An event about nothing in particular yet.
    pub fn new(at: Timestamp, action: Action) -> Self {
        Self {
            at,
            action,
            principal: None,
            role: None,
            database: None,
            lease: None,
            request: None,
            detail: Detail::new(),
        }
    }

    /// … caused by `principal`.
    pub fn by(mut self, principal: &Principal) -> Self {
        self.principal = Some(principal.clone());
        self
    }

    /// … in the request of this identifier.
    pub fn in_request(mut self, request: &str) -> Self {
        self.request = Some(request.to_owned());
        self
    }

    /// … with one more detail.
    pub fn with(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.detail.insert(key.to_owned(), value.into());
        self
    }

    /// … about this lease.
    pub fn about(mut self, lease: &crate::model::Lease) -> Self {
        self.role = Some(lease.role.clone());
        self.database = Some(lease.database.clone());
        self.lease = Some(lease.id);
        self
    }
}

impl Action {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StreamOpened => "stream.opened",
            Self::StreamClosed => "stream.closed",
            Self::ConfigLoaded => "config.loaded",
            Self::ConfigRefused => "config.refused",
            Self::AuthenticationFailed => "authentication.failed",
            Self::AuthorizationRefused => "authorization.refused",
            Self::LeaseIssued => "lease.issued",
            Self::LeaseDelivered => "lease.delivered",
            Self::LeaseRenewed => "lease.renewed",
            Self::LeaseEnding => "lease.ending",
            Self::LeaseRevoked => "lease.revoked",
            Self::LeaseUndone => "lease.undone",
            Self::RevocationRequested => "revocation.requested",
            Self::RotationRequested => "rotation.requested",
            Self::OrphanFound => "orphan.found",
            Self::OrphanRemoved => "orphan.removed",
            Self::AuditRead => "audit.read",
        }
    }
}
