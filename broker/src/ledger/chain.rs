//! The audit chain: pure.
//!
//! The MAC of an event is HMAC-SHA-256 over a label, the MAC of the event before it in its stream (32
//! zero bytes for the first), and every column of the event, each with its length in front of it, so that no two
//! different events have the same bytes. Heads are signed under another label.

use ring::hmac;

use crate::id::StreamId;
use crate::time::Timestamp;

/// The size of a MAC in bytes.
pub const MAC: usize = 32;

/// The MAC before the first event of a stream.
pub const START: [u8; MAC] = [0; MAC];

/// The key of the chain.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

/// The columns of an event, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    pub stream: StreamId,
    pub seq: i64,
    pub at: Timestamp,
    pub action: &'a str,
    pub issuer: Option<&'a str>,
    pub subject: Option<&'a str>,
    pub role: Option<&'a str>,
    pub database: Option<&'a str>,
    pub lease: Option<uuid::Uuid>,
    pub request: Option<&'a str>,
    pub detail: &'a str,
}

/// How far a stream had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub stream: StreamId,
    pub seq: i64,
    pub kind: &'a str,
    pub at: Timestamp,
    pub mac: &'a [u8],
}

impl ChainKey {
    /// A key of 32 bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The MAC of an event that follows one with the MAC `previous`.
    pub fn mac(&self, previous: &[u8; MAC], content: &Content<'_>) -> [u8; MAC] {
        let mut fields = Fields::new(&self.0, "dsn-broker audit event 1");
        fields.bytes(previous);
        fields.bytes(content.stream.0.as_bytes());
        fields.bytes(&content.seq.to_be_bytes());
        fields.bytes(&content.at.timestamp_micros().to_be_bytes());
        fields.bytes(content.action.as_bytes());
        fields.optional(content.issuer.map(str::as_bytes));
        fields.optional(content.subject.map(str::as_bytes));
        fields.optional(content.role.map(str::as_bytes));
        fields.optional(content.database.map(str::as_bytes));
        fields.optional(content.lease.as_ref().map(|id| id.as_bytes().as_slice()));
        fields.optional(content.request.map(str::as_bytes));
        fields.bytes(content.detail.as_bytes());
        fields.sign()
    }

    /// The signature of a head.
    pub fn sign(&self, head: &Head<'_>) -> [u8; MAC] {
        let mut fields = Fields::new(&self.0, "dsn-broker audit head 1");
        fields.bytes(head.stream.0.as_bytes());
        fields.bytes(&head.seq.to_be_bytes());
        fields.bytes(head.kind.as_bytes());
        fields.bytes(&head.at.timestamp_micros().to_be_bytes());
        fields.bytes(head.mac);
        fields.sign()
    }
}

struct Fields(hmac::Context);

impl Fields {
    fn new(key: &hmac::Key, label: &str) -> Self {
        let mut fields = Self(hmac::Context::with_key(key));
        fields.bytes(label.as_bytes());
        fields
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.update(&[u8::from(bytes.is_some())]);
        if let Some(bytes) = bytes {
            self.bytes(bytes);
        }
    }

    fn sign(self) -> [u8; MAC] {
        let mut mac = [0; MAC];
        mac.copy_from_slice(self.0.sign().as_ref());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content<'static> {
        Content {
            stream: StreamId(uuid::Uuid::from_u128(1)),
            seq: 1,
            at: Timestamp::from_timestamp(1_700_000_000, 0).unwrap(),
            action: "lease.issued",
            issuer: Some("a"),
            subject: Some("b"),
            role: None,
            database: None,
            lease: None,
            request: None,
            detail: "{}",
        }
    }

    #[test]
    fn every_column_and_the_event_before_count() {
        let key = ChainKey::new(&[7; 32]);
        let mac = key.mac(&START, &content());
        let others = [
            Content { stream: StreamId(uuid::Uuid::from_u128(2)), ..content() },
            Content { seq: 2, ..content() },
            Content { at: Timestamp::from_timestamp(1_700_000_000, 1_000).unwrap(), ..content() },
            Content { action: "lease.revoked", ..content() },
            Content { issuer: None, ..content() },
            Content { issuer: Some("ab"), subject: Some(""), ..content() },
            Content { subject: Some("c"), ..content() },
            Content { subject: None, role: Some("b"), ..content() },
            Content { database: Some(""), ..content() },
            Content { lease: Some(uuid::Uuid::nil()), ..content() },
            Content { request: Some("r"), ..content() },
            Content { detail: "{ }", ..content() },
        ];
        for other in others {
            assert_ne!(key.mac(&START, &other), mac, "{other:?}");
        }
        assert_ne!(key.mac(&[1; 32], &content()), mac);
        assert_ne!(ChainKey::new(&[8; 32]).mac(&START, &content()), mac);
        assert_eq!(key.mac(&START, &content()), mac);
    }
}
