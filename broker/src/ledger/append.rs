//! Events, appended to the end of a stream: their MACs are computed here, and written with them.

use sqlx::{Connection as _, PgConnection, QueryBuilder};
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
    /// Appends events, all or none, if all of these leases are active; `None` if not.
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
        let written = match statements(&rows).as_slice() {
            [] => true,
            // One statement is its own transaction: nothing to begin, nothing to commit.
            [one] => insert(connection, self.id.0, one, active).await?,
            [first, others @ ..] => {
                let mut transaction = connection.begin().await?;
                let written = insert(&mut transaction, self.id.0, first, active).await?;
                if written {
                    for rows in others {
                        insert(&mut transaction, self.id.0, rows, &[]).await?;
                    }
                    transaction.commit().await?;
                }
                written
            }
        };
        Ok(written.then_some(Head::At { seq, mac }))
    }
}

/// Cuts rows into statements that each leave in one piece, that is, in one TLS record (RFC 8446 §5.1: 16 KiB).
///
/// The driver leaves Nagle's algorithm on (RFC 896): of a longer statement the rest would wait until the server has
/// acknowledged the beginning, for which it takes 40 ms.
fn statements<'a, 'b>(rows: &'a [Row<'b>]) -> Vec<&'a [Row<'b>]> {
    let mut statements = Vec::new();
    let (mut begin, mut size) = (0, 0);
    for (end, row) in rows.iter().enumerate() {
        // A row that is too long for any statement has one to itself.
        if end > begin && size + row.size() > STATEMENT {
            statements.extend(rows.get(begin..end));
            (begin, size) = (end, 0);
        }
        size += row.size();
    }
    statements.extend(rows.get(begin..).filter(|rest| !rest.is_empty()));
    statements
}

/// What is said of rows in one statement, at most: the rest of the record is for all that is around them.
const STATEMENT: usize = 14 * 1024;

/// A row of `audit_events` to be.
struct Row<'a> {
    event: &'a Event,
    seq: i64,
    detail: String,
    mac: [u8; MAC],
}

impl Row<'_> {
    /// How many bytes it is on the wire, or a few more: each value has its length in front.
    fn size(&self) -> usize {
        let content = content(StreamId(Uuid::nil()), self.seq, self.event, &self.detail);
        let texts = [
            Some(content.action),
            content.issuer,
            content.subject,
            content.role,
            content.database,
            content.request,
            Some(content.detail),
        ];
        COLUMNS * 4 + 8 + 8 + 16 + MAC + texts.into_iter().flatten().map(str::len).sum::<usize>()
    }
}

const COLUMNS: usize = 11;

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
         select ",
    );
    query.push_bind(stream).push(", rows.* from unnest(");
    let mut columns = query.separated(", ");
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
    query.push(") rows");
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::chain::START;
    use crate::model::Action;

    #[test]
    fn rows_are_cut_into_statements_that_leave_in_one_piece() {
        let event = Event::new(Timestamp::UNIX_EPOCH, Action::LeaseDelivered);
        let rows = |lengths: &[usize]| -> Vec<Row<'_>> {
            let numbered = lengths.iter().zip(1..);
            numbered
                .map(|(length, seq)| Row { event: &event, seq, detail: "x".repeat(*length), mac: START })
                .collect()
        };
        let cut = |lengths: &[usize]| -> Vec<usize> {
            let rows = rows(lengths);
            let cut = statements(&rows);
            let numbers: Vec<i64> = cut.iter().copied().flatten().map(|row| row.seq).collect();
            assert_eq!(
                numbers,
                (1..).take(lengths.len()).collect::<Vec<i64>>(),
                "all of them, in their order"
            );
            for statement in &cut {
                let size: usize = statement.iter().map(Row::size).sum();
                assert!(size <= STATEMENT || statement.len() == 1, "{size}");
            }
            cut.iter().map(|statement| statement.len()).collect()
        };
        assert_eq!(cut(&[]), [0; 0]);
        assert_eq!(cut(&[20]), [1]);
        assert_eq!(cut(&[20; 60]), [60]);
        assert_eq!(cut(&[20; 512]).iter().sum::<usize>(), 512);
        assert!(cut(&[20; 512]).len() > 1);
        assert_eq!(cut(&[20, 20_000, 20, 20]), [1, 1, 2]);
        assert_eq!(cut(&[20_000, 20_000]), [1, 1]);
    }
}
