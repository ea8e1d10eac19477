//! How audit streams hold on to each other: signed heads, and the heads of others in the first event of each.

use sqlx::postgres::{PgConnection, PgPool};
use uuid::Uuid;

use crate::ledger::append::Stream;
use crate::ledger::chain::{Head, MAC};
use crate::model::{Action, Event};
use crate::time::Timestamp;

/// The event that opens a stream: it names the latest signed head of every other stream, so that a
/// stream cannot vanish, or lose its end before that head, without this one telling.
pub(super) async fn event(connection: &mut PgConnection, now: Timestamp) -> Result<Event, sqlx::Error> {
    // A loose index scan: one index probe per stream, however many heads each has.
    let heads: Vec<(Uuid, i64, Vec<u8>)> = sqlx::query_as(
        "with recursive streams as ( \
           (select stream from audit_heads order by stream limit 1) \
           union all \
           select (select stream from audit_heads where stream > streams.stream order by stream limit 1) \
             from streams where streams.stream is not null \
         ) \
         select head.stream, head.seq, head.mac \
           from streams \
          cross join lateral ( \
                select stream, seq, mac from audit_heads \
                 where audit_heads.stream = streams.stream order by seq desc limit 1) head \
          where streams.stream is not null",
    )
    .fetch_all(connection)
    .await?;
    let heads: Vec<_> = heads
        .into_iter()
        .map(|(stream, seq, mac)| serde_json::json!({"stream": stream, "seq": seq, "mac": hex(&mac)}))
        .collect();
    Ok(Event::new(now, Action::StreamOpened)
        .with("version", env!("CARGO_PKG_VERSION"))
        .with("process", std::process::id())
        .with("heads", heads))
}

/// Puts a signed head on record.
pub(super) async fn sign_head(
    pool: &PgPool,
    stream: &Stream,
    seq: i64,
    mac: &[u8; MAC],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let signature = stream.key.sign(&Head { stream: stream.id, seq, kind: "head", at: now, mac });
    sqlx::query(
        "insert into audit_heads (stream, seq, kind, at, mac, signature) values ($1, $2, 'head', $3, $4, $5) \
         on conflict do nothing",
    )
    .bind(stream.id.0)
    .bind(seq)
    .bind(now)
    .bind(mac.as_slice())
    .bind(signature.as_slice())
    .execute(pool)
    .await
    .map(drop)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
