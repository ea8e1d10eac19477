//! `/v1/leases`

pub(super) mod list;
pub(super) mod renew;
pub(super) mod revoke;
pub(super) mod show;

use serde::Serialize;

use crate::config::Right;
use crate::http::Shared;
use crate::http::caller::Caller;
use crate::http::problem::{Kind, Problem};
use crate::id::LeaseId;
use crate::model::{DatabaseName, EngineKind, IssuerName, Lease, LeaseState, Reason, RoleName, Share, State};
use crate::time::Timestamp;

/// A lease. Never its secret.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct LeaseBody {
    /// Its identifier.
    lease_id: LeaseId,
    /// The role it was issued for.
    role: RoleName,
    /// The database it opens.
    database: DatabaseName,
    /// The engine that made it.
    engine: EngineKind,
    /// The user at the database.
    username: String,
    /// Who holds it.
    share: Share,
    /// The issuer of the workload that caused it.
    issuer: IssuerName,
    /// The subject of the workload that caused it.
    subject: String,
    /// Where it is in its life.
    state: LeaseState,
    /// Why it ends or ended.
    reason: Option<Reason>,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it became active.
    #[schema(value_type = Option<String>, format = DateTime)]
    issued_at: Option<Timestamp>,
    /// When its holder should ask for its successor.
    #[schema(value_type = Option<String>, format = DateTime)]
    refresh_after: Option<Timestamp>,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Up to when it can be renewed.
    #[schema(value_type = Option<String>, format = DateTime)]
    max_expires_at: Option<Timestamp>,
    /// When it was gone.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl From<Lease> for LeaseBody {
    fn from(lease: Lease) -> Self {
        let times = lease.times().copied();
        let (reason, ended_at) = match &lease.state {
            State::Draining { reason, .. } => (Some(*reason), None),
            State::Revoked { reason, at, .. } => (Some(*reason), Some(*at)),
            State::Failed { at } => (None, Some(*at)),
            State::Pending { .. } | State::Active(_) => (None, None),
        };
        Self {
            lease_id: lease.id,
            role: lease.role,
            database: lease.database,
            engine: lease.engine,
            username: lease.handle.username,
            share: lease.share,
            issuer: lease.principal.issuer,
            subject: lease.principal.subject,
            state: lease.state.name(),
            reason,
            created_at: lease.created_at,
            issued_at: times.map(|times| times.issued_at),
            refresh_after: times.map(|times| times.refresh_after),
            expires_at: times.map(|times| times.expires_at),
            max_expires_at: times.map(|times| times.max_expires_at),
            ended_at,
        }
    }
}

/// A lease that the caller may see: its own, or any for operators. All others do not exist for it.
async fn visible(shared: &Shared, caller: &Caller, id: &str, right: Right) -> Result<Lease, Problem> {
    let unknown = || Problem::new(Kind::LeaseNotFound);
    let id: LeaseId = id.parse().map_err(|_| unknown())?;
    let lease = shared.app.broker.ledger.lease(id).await?.ok_or_else(unknown)?;
    let own = lease.principal == caller.workload.principal;
    if own || caller.has(right) { Ok(lease) } else { Err(unknown()) }
}
