//! A ledger in memory: the rows of the audit, with MACs that are computed here, after the manual and not by the broker.

use std::collections::BTreeMap;

use chrono::DateTime;
use dsn_broker::ledger::{AuditRow, HeadRow};
use ring::hmac;
use serde_json::json;
use uuid::Uuid;

use crate::Choices;

/// The key of the chain, which who tampers does not have.
pub(super) const KEY: [u8; 32] = [7; 32];

/// The rows, by their primary keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) events: BTreeMap<(Uuid, i64), AuditRow>,
    pub(super) heads: BTreeMap<(Uuid, i64, String), HeadRow>,
}

impl Ledger {
    /// A good one: some streams that know of those before, with heads, and with beginnings that were removed on purpose.
    pub(super) fn new(choices: &mut Choices<'_>) -> Self {
        let mut ledger = Self::default();
        for number in 1..=1 + choices.below(4) as u128 {
            // Not in the order of their age: clocks of processes differ.
            let stream = Uuid::from_u128((choices.byte() as u128 % 4) << 64 | number);
            ledger.add_stream(stream, 1 + choices.below(6) as i64, choices);
        }
        ledger
    }

    fn add_stream(&mut self, stream: Uuid, length: i64, choices: &mut Choices<'_>) {
        let latest: BTreeMap<Uuid, &HeadRow> = self.heads.values().map(|head| (head.stream, head)).collect();
        let links: Vec<_> = latest
            .values()
            .map(|head| json!({ "stream": head.stream, "seq": head.seq, "mac": hex(&head.mac) }))
            .collect();
        let mut mac = vec![0; 32];
        for seq in 1..=length {
            let mut event = event(stream, seq, choices.byte());
            if seq == 1 {
                (event.action, event.detail) =
                    ("stream.opened".to_owned(), json!({ "heads": links }).to_string());
            }
            event.mac = event_mac(&mac, &event);
            mac.clone_from(&event.mac);
            self.events.insert((stream, seq), event);
            if choices.byte() % 3 == 1 || seq == length {
                self.sign(stream, seq, "head", &mac);
            }
        }
        if choices.byte() % 3 == 1 {
            self.prune(stream, 1 + choices.below(usize::try_from(length).unwrap()) as i64);
        }
    }

    fn sign(&mut self, stream: Uuid, seq: i64, kind: &str, mac: &[u8]) {
        let at = DateTime::from_timestamp_micros(1_800_000_000_000_000 + seq).unwrap();
        let mut head =
            HeadRow { stream, seq, kind: kind.to_owned(), at, mac: mac.to_vec(), signature: Vec::new() };
        head.signature = signature(&head);
        self.heads.insert((stream, seq, kind.to_owned()), head);
    }

    /// As `audit prune` does it.
    fn prune(&mut self, stream: Uuid, to: i64) {
        let mac = self.events[&(stream, to)].mac.clone();
        self.sign(stream, to, "pruned", &mac);
        self.events.retain(|(of, seq), _| *of != stream || *seq > to);
        self.heads
            .retain(|(of, seq, kind), _| *of != stream || *seq > to || (kind == "pruned" && *seq == to));
    }

    /// Where the events of each stream were removed on purpose.
    pub(super) fn starts(&self) -> BTreeMap<Uuid, i64> {
        let pruned = self.heads.keys().filter(|(.., kind)| kind == "pruned");
        pruned.map(|(stream, seq, _)| (*stream, *seq)).collect()
    }

    /// The last event of each stream.
    pub(super) fn ends(&self) -> BTreeMap<Uuid, i64> {
        self.events.keys().copied().collect()
    }

    /// How far streams had come, as heads and openings say.
    pub(super) fn reached(&self) -> Vec<(Uuid, i64)> {
        let mut reached: Vec<_> = self.heads.keys().map(|(stream, seq, _)| (*stream, *seq)).collect();
        for event in self.events.values().filter(|event| event.action == "stream.opened") {
            let detail: serde_json::Value = serde_json::from_str(&event.detail).unwrap();
            for link in detail["heads"].as_array().unwrap() {
                reached
                    .push((link["stream"].as_str().unwrap().parse().unwrap(), link["seq"].as_i64().unwrap()));
            }
        }
        reached
    }

    /// One change by someone without the key.
    pub(super) fn tamper(&mut self, choices: &mut Choices<'_>) {
        let (kind, first, second) = (choices.byte() % 12, self.some_event(choices), self.some_event(choices));
        let head =
            (!self.heads.is_empty()).then(|| self.heads.keys().nth(choices.below(self.heads.len())).cloned());
        match (kind, first, second, head.flatten()) {
            (0 | 1, Some(place), ..) => change(self.events.get_mut(&place).unwrap(), choices),
            (2, Some(place), ..) => drop(self.events.remove(&place)),
            (3, Some(one), Some(other), _) => {
                let (a, b) = (self.events[&one].clone(), self.events[&other].clone());
                self.put(one, b);
                self.put(other, a);
            }
            (4, Some(place), ..) => {
                let row = self.events[&place].clone();
                self.put((place.0, place.1 + 1 + choices.below(3) as i64), row);
            }
            (5, Some((stream, from)), ..) => {
                self.events.retain(|(of, seq), _| *of != stream || *seq < from);
            }
            (6, Some((stream, _)), ..) => {
                self.events.retain(|(of, _), _| *of != stream);
                if choices.byte() % 2 == 1 {
                    self.heads.retain(|(of, ..), _| *of != stream);
                }
            }
            (7, .., Some(place)) => drop(self.heads.remove(&place)),
            (8, .., Some(place)) => change_head(self.heads.get_mut(&place).unwrap(), choices),
            (9, _, _, Some((stream, seq, kind))) => {
                // A genuine head, said to be of another kind or place.
                let mut head = self.heads[&(stream, seq, kind)].clone();
                head.kind = ["head", "pruned"][choices.below(2)].to_owned();
                head.seq += choices.below(3) as i64 - 1;
                self.heads.insert((head.stream, head.seq, head.kind.clone()), head);
            }
            (10, Some((stream, to)), ..) => {
                // A pruning that nobody signed.
                self.events.retain(|(of, seq), _| *of != stream || *seq > to);
            }
            (11, ..) => {
                let seq = choices.below(4) as i64;
                let stream = Uuid::from_u128(choices.byte().into());
                self.put((stream, seq), event(stream, seq, choices.byte()));
            }
            _ => {}
        }
    }

    fn some_event(&self, choices: &mut Choices<'_>) -> Option<(Uuid, i64)> {
        self.events.keys().nth(choices.below(self.events.len())).copied()
    }

    fn put(&mut self, (stream, seq): (Uuid, i64), row: AuditRow) {
        self.events.insert((stream, seq), AuditRow { stream, seq, ..row });
    }
}

fn event(stream: Uuid, seq: i64, seed: u8) -> AuditRow {
    let text = |bit: u8, text: &str| (seed >> bit & 1 == 1).then(|| text.to_owned());
    AuditRow {
        stream,
        seq,
        at: DateTime::from_timestamp_micros(1_800_000_000_000_000 + i64::from(seed)).unwrap(),
        action: "lease.delivered".to_owned(),
        issuer: text(0, "cluster"),
        subject: text(1, "app"),
        role: text(2, "orders"),
        database: text(3, "orders"),
        lease: (seed >> 4 & 1 == 1).then(|| Uuid::from_u128(seed.into())),
        request: text(5, ""),
        detail: "{}".to_owned(),
        mac: vec![seed; 32],
    }
}

/// Changes one column.
fn change(row: &mut AuditRow, choices: &mut Choices<'_>) {
    let texts = ["", "app", "orders", "cluster", "ordersorders"];
    let column = choices.byte() % 9;
    let text = (*choices.one_of(&texts)).to_owned();
    let nullable = (choices.below(3) > 0).then(|| text.clone());
    match column {
        0 => row.at += chrono::TimeDelta::microseconds(1 + choices.below(9) as i64),
        1 => row.action = [text, "stream.opened".to_owned()][choices.below(2)].clone(),
        2 => row.issuer = nullable,
        3 => row.subject = nullable,
        4 => row.role = nullable,
        5 => row.database = nullable,
        6 => row.lease = nullable.map(|text| Uuid::from_u128(text.len() as u128)),
        7 => row.request = nullable,
        _ if row.action == "stream.opened" && choices.byte() % 2 == 1 => {
            // What it says of other streams.
            let (stream, seq) = (Uuid::from_u128((choices.byte() % 5).into()), choices.below(9));
            let link = json!({ "stream": stream, "seq": seq, "mac": hex(&row.mac) });
            row.detail = json!({ "heads": [link] }).to_string();
        }
        _ => {
            let (at, byte) = (choices.below(32), 1 + choices.byte() % 255);
            row.mac[at] ^= byte;
        }
    }
}

fn change_head(row: &mut HeadRow, choices: &mut Choices<'_>) {
    let (at, byte) = (choices.below(32), 1 + choices.byte() % 255);
    match choices.byte() % 3 {
        0 => row.at += chrono::TimeDelta::microseconds(1),
        1 => row.mac[at] ^= byte,
        _ => row.signature[at] ^= byte,
    }
}

fn event_mac(previous: &[u8], row: &AuditRow) -> Vec<u8> {
    let (seq, at) = (row.seq.to_be_bytes(), row.at.timestamp_micros().to_be_bytes());
    let mut bytes = Vec::new();
    for field in
        [b"dsn-broker audit event 1", previous, row.stream.as_bytes(), &seq, &at, row.action.as_bytes()]
    {
        add(&mut bytes, field);
    }
    let lease = row.lease.map(|lease| lease.as_bytes().to_vec());
    let optional = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
    let [issuer, subject, role] = [&row.issuer, &row.subject, &row.role].map(optional);
    for field in [issuer, subject, role, optional(&row.database), lease, optional(&row.request)] {
        bytes.push(u8::from(field.is_some()));
        field.iter().for_each(|field| add(&mut bytes, field));
    }
    add(&mut bytes, row.detail.as_bytes());
    sign(&bytes)
}

fn signature(head: &HeadRow) -> Vec<u8> {
    let (seq, at) = (head.seq.to_be_bytes(), head.at.timestamp_micros().to_be_bytes());
    let mut bytes = Vec::new();
    for field in [
        b"dsn-broker audit head 1",
        head.stream.as_bytes().as_slice(),
        &seq,
        head.kind.as_bytes(),
        &at,
        &head.mac,
    ] {
        add(&mut bytes, field);
    }
    sign(&bytes)
}

fn add(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend((field.len() as u64).to_be_bytes());
    bytes.extend(field);
}

fn sign(bytes: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &KEY), bytes).as_ref().to_vec()
}

fn hex(mac: &[u8]) -> String {
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}
