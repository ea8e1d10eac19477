//! Reading the audit.

use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::id::{LeaseId, StreamId};
use crate::ledger::{Ledger, LedgerError};
use crate::model::{IssuerName, RoleName};
use crate::time::Timestamp;

/// Which events are asked for: those to which every given part applies.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// At or after this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Caused by a workload of this issuer.
    pub issuer: Option<IssuerName>,
    /// Caused by this subject.
    pub subject: Option<String>,
    /// About this role.
    pub role: Option<RoleName>,
    /// About this lease.
    pub lease: Option<LeaseId>,
    /// Of this action: `lease.delivered`, …
    pub action: Option<String>,
    /// After this one, in the order of time: the cursor of a page.
    pub after: Option<(Timestamp, StreamId, i64)>,
}

/// A page of events, oldest first.
pub struct AuditPage {
    /// The events.
    pub events: Vec<AuditRow>,
}

/// An event as it is shown: what was recorded, in the chain's own words.
#[derive(Clone, Debug, serde::Serialize, sqlx::FromRow, utoipa::ToSchema)]
pub struct AuditRow {
    /// The stream (one run of one broker process).
    pub stream: Uuid,
    /// The place in the stream.
    pub seq: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub action: String,
    /// The issuer of the workload that caused it.
    pub issuer: Option<String>,
    /// Its subject there.
    pub subject: Option<String>,
    /// The role.
    pub role: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// The lease.
    pub lease: Option<Uuid>,
    /// The request.
    pub request: Option<String>,
    /// More: a JSON object, as text.
    pub detail: String,
    /// The MAC of this event and all before it in its stream.
    #[serde(serialize_with = "as_hex")]
    #[schema(value_type = String)]
    pub mac: Vec<u8>,
}

impl Ledger {
    /// Events, oldest first, at most `limit`.
    pub async fn events(&self, filter: &AuditFilter, limit: u32) -> Result<AuditPage, LedgerError> {
        let mut query = QueryBuilder::new(
            "select stream, seq, at, action, issuer, subject, role, database, lease, request, detail, mac \
               from audit_events where true",
        );
        let AuditFilter { since, until, issuer, subject, role, lease, action, after } = filter;
        if let Some(since) = since {
            query.push(" and at >= ").push_bind(*since);
        }
        if let Some(until) = until {
            query.push(" and at < ").push_bind(*until);
        }
        if let Some(issuer) = issuer {
            query.push(" and issuer = ").push_bind(issuer.as_str().to_owned());
        }
        if let Some(subject) = subject {
            query.push(" and subject = ").push_bind(subject.clone());
        }
        if let Some(role) = role {
            query.push(" and role = ").push_bind(role.as_str().to_owned());
        }
        if let Some(lease) = lease {
            query.push(" and lease = ").push_bind(lease.0);
        }
        if let Some(action) = action {
            query.push(" and action = ").push_bind(action.clone());
        }
        if let Some((at, stream, seq)) = after {
            query.push(" and (at, stream, seq) > (").push_bind(*at).push(", ").push_bind(stream.0);
            query.push(", ").push_bind(*seq).push(")");
        }
        query.push(" order by at, stream, seq limit ").push_bind(i64::from(limit));
        let rows = query.build_query_as().fetch_all(&self.pool);
        Ok(AuditPage { events: self.bounded("searching the audit", rows).await? })
    }
}

fn as_hex<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&super::opening::hex(bytes))
}
