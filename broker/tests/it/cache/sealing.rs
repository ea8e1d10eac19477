//! What lies in Redis is sealed and bound to its key.

use std::collections::HashMap;
use std::sync::Arc;

use dsn_broker::cache::{CacheKey, Put};
use redis::aio::MultiplexedConnection;

use super::fixture::{HOUR, PASSWORD, Shared, entry, key, raw, sealer};

fn place(key: &CacheKey) -> String {
    format!("dsn:entry:{key}")
}

async fn sealed(connection: &mut MultiplexedConnection, key: &CacheKey) -> Option<Vec<u8>> {
    redis::cmd("HGET").arg(place(key)).arg("sealed").query_async(connection).await.unwrap()
}

async fn overwrite(connection: &mut MultiplexedConnection, key: &CacheKey, sealed: &[u8]) {
    let mut command = redis::cmd("HSET");
    command.arg(place(key)).arg("lease").arg("x").arg("issued").arg("1").arg("sealed").arg(sealed);
    command.query_async::<()>(connection).await.unwrap();
}

#[tokio::test]
async fn nobody_reads_a_credential_in_redis() {
    let shared = Shared::start().await;
    let kept = entry(&shared.clock, HOUR);
    shared.replica().await.put(&key("a"), Arc::clone(&kept)).await.unwrap();
    let mut connection = shared.raw().await;
    let names: Vec<String> = raw::<(u64, _)>(&mut connection, &["SCAN", "0", "COUNT", "1000"]).await.1;
    let mut all = names.concat().into_bytes();
    for name in &names {
        match raw::<String>(&mut connection, &["TYPE", name]).await.as_str() {
            "hash" => {
                let fields: HashMap<String, Vec<u8>> = raw(&mut connection, &["HGETALL", name]).await;
                all.extend(
                    fields.into_iter().flat_map(|(field, value)| [field.into_bytes(), value].concat()),
                );
            }
            "string" => all.extend(raw::<Vec<u8>>(&mut connection, &["GET", name]).await),
            other => panic!("{name} is a {other}"),
        }
    }
    let holds = |text: &str| all.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(&kept.lease.to_string()), "the search finds what is there");
    assert!(!holds(PASSWORD) && !holds(&kept.credential.username));
}

const CHANGES: [fn(&mut Vec<u8>); 4] =
    [|text| text[20] ^= 1, Vec::clear, |text| text.truncate(30), |text| text[0] = 9];

#[tokio::test]
async fn a_changed_entry_counts_as_not_there() {
    let shared = Shared::start().await;
    let (writer, reader) = (shared.replica().await, shared.replica().await);
    let mut connection = shared.raw().await;
    let kept = entry(&shared.clock, HOUR);
    for change in CHANGES {
        writer.put(&key("a"), Arc::clone(&kept)).await.unwrap();
        let mut text = sealed(&mut connection, &key("a")).await.unwrap();
        change(&mut text);
        overwrite(&mut connection, &key("a"), &text).await;
        assert_eq!(reader.get(&key("a")).await.unwrap(), None);
        assert_eq!(sealed(&mut connection, &key("a")).await, None, "and is removed");
    }
}

#[tokio::test]
async fn an_entry_does_not_open_under_another_key() {
    let shared = Shared::start().await;
    let (writer, reader) = (shared.replica().await, shared.replica().await);
    let mut connection = shared.raw().await;
    writer.put(&key("mine"), entry(&shared.clock, HOUR)).await.unwrap();
    let text = sealed(&mut connection, &key("mine")).await.unwrap();
    overwrite(&mut connection, &key("yours"), &text).await;
    assert_eq!(reader.get(&key("yours")).await.unwrap(), None);
    assert!(reader.get(&key("mine")).await.unwrap().is_some());
}

#[tokio::test]
async fn keys_are_rotated_without_losing_what_is_there() {
    let shared = Shared::start().await;
    let old = shared.replica_with(sealer(&[("old", 1)]), |_| {}).await;
    let new = shared.replica_with(sealer(&[("new", 2), ("old", 1)]), |_| {}).await;
    let (before, after) = (entry(&shared.clock, HOUR), entry(&shared.clock, HOUR));
    assert_eq!(old.put(&key("before"), Arc::clone(&before)).await.unwrap(), Put::Kept);
    assert_eq!(new.get(&key("before")).await.unwrap(), Some(before));
    assert_eq!(new.put(&key("after"), Arc::clone(&after)).await.unwrap(), Put::Kept);
    assert_eq!(old.get(&key("after")).await.unwrap(), None, "a replica that lags behind");
    let another = shared.replica_with(sealer(&[("new", 2)]), |_| {}).await;
    assert_eq!(
        another.get(&key("after")).await.unwrap(),
        Some(after),
        "does not remove what others can open"
    );
}
