//! Rows of `leases`, parsed: an impossible combination is an error that names the place.

use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::types::Json;
use uuid::Uuid;

use crate::id::LeaseId;
use crate::ledger::LedgerError;
use crate::model::{Handle, Lease, LeaseState, Principal, Reason, State, Times};
use crate::time::Timestamp;

/// The columns that make a [`Lease`], for `select` lists.
macro_rules! lease_columns {
    () => {
        "leases.id, leases.role, leases.database, leases.engine, leases.issuer, leases.subject, leases.share, \
         leases.handle, leases.drain_ms, leases.state, leases.reason, leases.created_at, leases.issued_at, \
         leases.refresh_after, leases.expires_at, leases.max_expires_at, leases.ended_at, leases.due_at"
    };
}
pub(super) use lease_columns;

#[derive(sqlx::FromRow)]
pub(super) struct LeaseRow {
    id: Uuid,
    role: String,
    database: String,
    engine: String,
    issuer: String,
    subject: String,
    share: String,
    handle: Json<serde_json::Value>,
    drain_ms: i64,
    state: String,
    reason: Option<String>,
    created_at: Timestamp,
    issued_at: Option<Timestamp>,
    refresh_after: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    max_expires_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    due_at: Option<Timestamp>,
}

impl TryFrom<LeaseRow> for Lease {
    type Error = LedgerError;

    fn try_from(row: LeaseRow) -> Result<Self, LedgerError> {
        let state = row.state()?;
        let LeaseRow {
            id, role, database, engine, issuer, subject, share, handle, drain_ms, created_at, ..
        } = row;
        let bad = |column| inconsistent(id, column);
        Ok(Self {
            id: LeaseId(id),
            role: role.parse().map_err(|_| bad("role"))?,
            database: database.parse().map_err(|_| bad("database"))?,
            engine: word(&engine).ok_or_else(|| bad("engine"))?,
            principal: Principal { issuer: issuer.parse().map_err(|_| bad("issuer"))?, subject },
            share: word(&share).ok_or_else(|| bad("share"))?,
            handle: serde_json::from_value::<Handle>(handle.0).map_err(|_| bad("handle"))?,
            drain: Duration::from_millis(u64::try_from(drain_ms).map_err(|_| bad("drain_ms"))?),
            created_at,
            state,
        })
    }
}

impl LeaseRow {
    fn state(&self) -> Result<State, LedgerError> {
        let bad = |column| inconsistent(self.id, column);
        let reason = self.reason.as_deref().map(|text| word::<Reason>(text).ok_or_else(|| bad("reason")));
        let name = word::<LeaseState>(&self.state).ok_or_else(|| bad("state"))?;
        match (name, self.times(), self.due_at, reason.transpose()?, self.ended_at) {
            (LeaseState::Pending, None, Some(deadline), None, None) => Ok(State::Pending { deadline }),
            (LeaseState::Active, Some(times), Some(_), None, None) => Ok(State::Active(times)),
            (LeaseState::Draining, Some(times), Some(until), Some(reason), None) => {
                Ok(State::Draining { times, until, reason })
            }
            (LeaseState::Revoked, Some(times), None, Some(reason), Some(at)) => {
                Ok(State::Revoked { times, at, reason })
            }
            (LeaseState::Failed, None, None, None, Some(at)) => Ok(State::Failed { at }),
            _ => Err(bad("state")),
        }
    }

    fn times(&self) -> Option<Times> {
        Some(Times {
            issued_at: self.issued_at?,
            refresh_after: self.refresh_after?,
            expires_at: self.expires_at?,
            max_expires_at: self.max_expires_at?,
        })
    }
}

/// The text of a unit variant, as serde writes it.
pub(super) fn text_of(value: impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The unit variant of this text.
fn word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

fn inconsistent(id: Uuid, column: &'static str) -> LedgerError {
    LedgerError::Inconsistent { table: "leases", column, row: id.to_string() }
}
