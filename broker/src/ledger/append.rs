//! Events, appended to the end of a stream: their MACs are computed here, and written with them.

use sqlx::{PgConnection, QueryBuilder};
use uuid::Uuid;

use crate::id::StreamId;
use crate::ledger::chain::{ChainKey, Content, MAC};
use crate::model::Event;
use crate::time::Timestamp;

/// The audit stream of this process.
pub(super) struct Stream {
    pub(super) id: StreamId,
    pub(super) key: ChainKey,
}

/// Where a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Nothing of it is written yet.
    NotOpened,
    /// A commit may or may not have happened: the database has to be asked.
    Unknown,
    /// It ends with this event.
    At { seq: i64, mac: [u8; MAC] },
}

impl Stream {
    /// Appends events with one statement, if all of these leases are active; `None` if not.
    pub(super) async fn append<'a>(
        &self,
        connection: &mut PgConnection,
        head: Head,
        events: impl IntoIterator<Item = &'a Event>,
        active: &[Uuid],
    ) -> Result<Option<Head>, sqlx::Error> {
        let Head::At { mut seq, mut mac } = head else { return Ok(None) };
        let mut rows = Vec::new();
        for event in events {
            seq += 1;
            let detail = serde_json::Value::Object(event.detail.clone()).to_string();
            mac = self.key.mac(&mac, &content(self.id, seq, event, &detail));
            rows.push(Row { event, seq, detail, mac });
        }
        let written = rows.is_empty() || insert(connection, self.id.0, &rows, active).await?;
        Ok(written.then_some(Head::At { seq, mac }))
    }
}

/// A row of `audit_events` to be.
struct Row<'a> {
    event: &'a Event,
    seq: i64,
    detail: String,
    mac: [u8; MAC],
}

/// Inserts events, if all of these leases are active; `false` if not.
///
/// The leases are locked as they are looked at: a revocation comes before the delivery and prevents it, or after it.
async fn insert(
    connection: &mut PgConnection,
    stream: Uuid,
    rows: &[Row<'_>],
    active: &[Uuid],
) -> Result<bool, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "insert into audit_events \
           (stream, seq, at, action, issuer, subject, role, database, lease, request, detail, mac) \
         select * from unnest(",
    );
    let mut columns = query.separated(", ");
    columns.push_bind(vec![stream; rows.len()]);
    columns.push_bind(rows.iter().map(|row| row.seq).collect::<Vec<_>>());
    columns.push_bind(rows.iter().map(|row| row.event.at).collect::<Vec<Timestamp>>());
    let texts = |column: for<'a> fn(&Content<'a>) -> Option<&'a str>| {
        rows.iter()
            .map(|row| {
                let stream = StreamId(stream);
                column(&content(stream, row.seq, row.event, &row.detail)).map(str::to_owned)
            })
            .collect::<Vec<_>>()
    };
    columns.push_bind(texts(|content| Some(content.action)));
    columns.push_bind(texts(|content| content.issuer));
    columns.push_bind(texts(|content| content.subject));
    columns.push_bind(texts(|content| content.role));
    columns.push_bind(texts(|content| content.database));
    columns.push_bind(rows.iter().map(|row| row.event.lease.map(|lease| lease.0)).collect::<Vec<_>>());
    columns.push_bind(texts(|content| content.request));
    columns.push_bind(texts(|content| Some(content.detail)));
    columns.push_bind(rows.iter().map(|row| row.mac.to_vec()).collect::<Vec<_>>());
    query.push(")");
    if !active.is_empty() {
        query.push(" where (select count(*) from (select from leases where id = any(").push_bind(active);
        query.push(") and state = 'active' order by id for share) locked) = ");
        query.push_bind(i64::try_from(active.len()).unwrap_or(i64::MAX));
    }
    Ok(query.build().execute(connection).await?.rows_affected() > 0)
}

fn content<'a>(stream: StreamId, seq: i64, event: &'a Event, detail: &'a str) -> Content<'a> {
    Content {
        stream,
        seq,
        at: event.at,
        action: event.action.as_str(),
        issuer: event.principal.as_ref().map(|principal| principal.issuer.as_str()),
        subject: event.principal.as_ref().map(|principal| principal.subject.as_str()),
        role: event.role.as_ref().map(|role| role.as_str()),
        database: event.database.as_ref().map(|database| database.as_str()),
        lease: event.lease.map(|lease| lease.0),
        request: event.request.as_deref(),
        detail,
    }
}
