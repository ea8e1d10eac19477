//! The life of a lease: `pending → active → (draining) → revoked`, or `failed`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::LeaseId;
use crate::model::{DatabaseName, EngineKind, Handle, Principal, RoleName, Share};
use crate::time::Timestamp;

/// One issued credential and its life. Never holds a secret.
#[derive(Clone, Debug, PartialEq)]
pub struct Lease {
    /// Its identifier.
    pub id: LeaseId,
    /// The role it was issued for.
    pub role: RoleName,
    /// The database it opens.
    pub database: DatabaseName,
    /// The engine that made it.
    pub engine: EngineKind,
    /// The workload that caused it (others may share it).
    pub principal: Principal,
    /// Who shares it.
    pub share: Share,
    /// What ends it.
    pub handle: Handle,
    /// How long sessions may go on after its end.
    pub drain: Duration,
    /// When the intent was recorded.
    pub created_at: Timestamp,
    /// Where it is in its life.
    pub state: State,
}

/// Where a lease is in its life, with what is true there.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The intent is on record; the engine may or may not have acted.
    Pending {
        /// When the reaper undoes it.
        deadline: Timestamp,
    },
    /// The credential exists and may be handed out.
    Active(Times),
    /// No new logins; sessions may end by themselves until `until`.
    Draining {
        /// The times it had while it was active.
        times: Times,
        /// When its sessions are ended and it is removed.
        until: Timestamp,
        /// Why it ends.
        reason: Reason,
    },
    /// Gone, after having been active.
    Revoked {
        /// The times it had while it was active.
        times: Times,
        /// When it was gone.
        at: Timestamp,
        /// Why it ended.
        reason: Reason,
    },
    /// Never became active; whatever the engine made is gone.
    Failed {
        /// When that was certain.
        at: Timestamp,
    },
}

/// The times of an active lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// When it became active.
    pub issued_at: Timestamp,
    /// When its holder should ask again.
    pub refresh_after: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Up to when it can be renewed.
    pub max_expires_at: Timestamp,
}

/// The state alone, as it is stored and shown.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// The intent is on record.
    Pending,
    /// In use.
    Active,
    /// No new logins.
    Draining,
    /// Ended.
    Revoked,
    /// Never came to life.
    Failed,
}

/// Why a lease ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its time was over.
    Expired,
    /// Its holder gave it back.
    Released,
    /// An operator revoked it.
    Incident,
    /// Its password was rotated.
    Rotated,
}

/// What cannot be done with a lease in its present state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {} lease cannot become {}", .from.as_str(), .to.as_str())]
pub struct InvalidTransition {
    /// The state it is in.
    pub from: LeaseState,
    /// The state that was asked for.
    pub to: LeaseState,
}

impl Lease {
    /// `pending → active`.
    pub fn activate(self, times: Times) -> Result<Self, InvalidTransition> {
        match self.state {
            State::Pending { .. } => Ok(Self { state: State::Active(times), ..self }),
            _ => Err(self.cannot_become(LeaseState::Active)),
        }
    }

    /// `active → active`, with a later end.
    pub fn renew(self, expires_at: Timestamp, refresh_after: Timestamp) -> Result<Self, InvalidTransition> {
        match self.state {
            State::Active(times) if expires_at <= times.max_expires_at => {
                Ok(Self { state: State::Active(Times { expires_at, refresh_after, ..times }), ..self })
            }
            _ => Err(self.cannot_become(LeaseState::Active)),
        }
    }

    /// `active → draining`.
    pub fn drain(self, now: Timestamp, reason: Reason) -> Result<Self, InvalidTransition> {
        match self.state {
            State::Active(times) => {
                Ok(Self { state: State::Draining { times, until: now + self.drain, reason }, ..self })
            }
            _ => Err(self.cannot_become(LeaseState::Draining)),
        }
    }

    /// `pending → failed`, `active → revoked`, `draining → revoked`: the credential is gone.
    pub fn end(self, now: Timestamp, reason: Reason) -> Result<Self, InvalidTransition> {
        let state = match self.state {
            State::Pending { .. } => State::Failed { at: now },
            State::Active(times) => State::Revoked { times, at: now, reason },
            State::Draining { times, reason, .. } => State::Revoked { times, at: now, reason },
            State::Revoked { .. } | State::Failed { .. } => {
                return Err(self.cannot_become(LeaseState::Revoked));
            }
        };
        Ok(Self { state, ..self })
    }

    /// The times, once it has been active.
    pub fn times(&self) -> Option<&Times> {
        match &self.state {
            State::Active(times) | State::Draining { times, .. } | State::Revoked { times, .. } => {
                Some(times)
            }
            State::Pending { .. } | State::Failed { .. } => None,
        }
    }

    /// When the reaper has to do something about it, if ever again.
    pub fn due_at(&self) -> Option<Timestamp> {
        match &self.state {
            State::Pending { deadline } => Some(*deadline),
            State::Active(times) => Some(times.expires_at),
            State::Draining { until, .. } => Some(*until),
            State::Revoked { .. } | State::Failed { .. } => None,
        }
    }

    fn cannot_become(&self, to: LeaseState) -> InvalidTransition {
        InvalidTransition { from: self.state.name(), to }
    }
}

impl State {
    /// The state alone.
    pub fn name(&self) -> LeaseState {
        match self {
            Self::Pending { .. } => LeaseState::Pending,
            Self::Active(_) => LeaseState::Active,
            Self::Draining { .. } => LeaseState::Draining,
            Self::Revoked { .. } => LeaseState::Revoked,
            Self::Failed { .. } => LeaseState::Failed,
        }
    }
}

impl LeaseState {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Revoked => "revoked",
            Self::Failed => "failed",
        }
    }
}

impl Reason {
    /// As it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Incident => "incident",
            Self::Rotated => "rotated",
        }
    }
}
