//! `GET /v1/audit`

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use chrono::Datelike;
use futures_util::stream;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::Right;
use crate::http::Web;
use crate::http::answer::wants;
use crate::http::caller::Caller;
use crate::http::extract::{Query, optional_text};
use crate::http::problem::{Problem, Refusals};
use crate::id::{LeaseId, StreamId};
use crate::ledger::{AuditFilter, AuditRow, Entry, LedgerError};
use crate::model::{Action, Event, IssuerName, RoleName};
use crate::time::Timestamp;

/// Which events to show.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditQuery {
    /// At or after this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "moment")]
    since: Option<Timestamp>,
    /// Before this moment.
    #[param(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "moment")]
    until: Option<Timestamp>,
    /// Caused by a workload of this issuer.
    issuer: Option<IssuerName>,
    /// Caused by this subject.
    #[serde(default, deserialize_with = "optional_text")]
    subject: Option<String>,
    /// About this role.
    role: Option<RoleName>,
    /// About this lease.
    lease: Option<LeaseId>,
    /// Of this action: `lease.delivered`, …
    action: Option<Action>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 1000. Default: 100. An export has no limit.
    limit: Option<u32>,
}

/// A page of events, oldest first.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct AuditBody {
    /// The events.
    events: Vec<AuditRow>,
    /// The cursor of the next page; absent on the last one.
    next: Option<String>,
}

/// How many events of an export are read at a time.
const EXPORT_PAGE: u32 = 1000;

/// Search the audit
///
/// With `Accept: application/x-ndjson` everything that matches is exported, one event a line.
#[utoipa::path(
    get, path = "/v1/audit", tag = "operators", params(AuditQuery),
    responses(
        (status = 200, description = "The events",
         content((AuditBody = "application/json"), (String = "application/x-ndjson"))),
        Refusals,
    )
)]
pub(super) async fn search_audit(
    State(web): Web,
    caller: Caller,
    headers: HeaderMap,
    Query(query): Query<AuditQuery>,
) -> Result<Response, Problem> {
    let permit = caller.operate(Right::Audit)?;
    let limit = query.limit.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Problem::invalid("limit", "use 1 to 1000"));
    }
    let filter = filter(query)?;
    let read =
        Event::new(web.app.clock.now(), Action::AuditRead).by(permit.principal()).in_request(&caller.request);
    web.app.broker.ledger.write(Entry::events([read])).await?.ok();
    if wants(&headers, "application/x-ndjson") {
        return Ok(export(web, filter));
    }
    let events = web.app.broker.ledger.events(&filter, limit).await?.events;
    let full = events.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = events.last().filter(|_| full).map(cursor);
    Ok(Json(AuditBody { events, next }).into_response())
}

fn filter(query: AuditQuery) -> Result<AuditFilter, Problem> {
    let AuditQuery { since, until, issuer, subject, role, lease, action, cursor, limit: _ } = query;
    let after =
        cursor.map(|text| position(&text).ok_or_else(|| Problem::invalid("cursor", "not one of ours")));
    Ok(AuditFilter {
        since,
        until,
        issuer,
        subject,
        role,
        lease,
        action: action.map(|action| action.as_str().to_owned()),
        after: after.transpose()?,
    })
}

/// All events that match, page by page: memory does not grow with their number.
fn export(web: std::sync::Arc<crate::http::Shared>, filter: AuditFilter) -> Response {
    let pages = stream::try_unfold(Some(filter), move |filter| {
        let web = web.clone();
        async move {
            let Some(mut filter) = filter else { return Ok::<_, LedgerError>(None) };
            let events = web.app.broker.ledger.events(&filter, EXPORT_PAGE).await?.events;
            let Some(last) = events.last() else { return Ok(None) };
            filter.after = Some((last.at, StreamId(last.stream), last.seq));
            let lines: String = events
                .iter()
                .filter_map(|event| serde_json::to_string(event).ok())
                .map(|line| line + "\n")
                .collect();
            Ok(Some((Bytes::from(lines), Some(filter))))
        }
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pages)).into_response()
}

/// RFC 3339 has years of four digits; the ledger cannot hold much more.
fn is_storable(moment: &Timestamp) -> bool {
    (0..=9999).contains(&moment.year())
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let moment = Timestamp::deserialize(deserializer)?;
    if is_storable(&moment) {
        Ok(Some(moment))
    } else {
        Err(D::Error::custom("use a year from 0000 to 9999"))
    }
}

fn cursor(row: &AuditRow) -> String {
    format!("{}_{}_{}", row.at.timestamp_micros(), row.stream.simple(), row.seq)
}

fn position(text: &str) -> Option<(Timestamp, StreamId, i64)> {
    let mut parts = text.split('_');
    let at = Timestamp::from_timestamp_micros(parts.next()?.parse().ok()?).filter(is_storable)?;
    let stream = StreamId(parts.next()?.parse().ok()?);
    Some((at, stream, parts.next()?.parse().ok()?))
}
