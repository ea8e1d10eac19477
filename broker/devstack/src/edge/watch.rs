//! Statements that must not reach the server.
//!
//! In their place the server gets one that it cannot carry out, and its complaint about that is replaced by the
//! refusal. So the order of answers, the state of the transaction and what follows up to the next `Sync` are the
//! server's own.

use std::sync::{Arc, Mutex, PoisonError};

use super::Refusal;
use super::route::Opening;
use super::wire::{Message, text};
use crate::entropy;

/// Says what is wrong with a statement, with the several of a simple query, or with a value that is bound to one.
pub(super) type Watcher = Arc<dyn Fn(&Opening, &str) -> Option<Refusal> + Send + Sync>;

/// The watch over one session.
pub(super) struct Watch<'a> {
    watcher: &'a Watcher,
    opening: &'a Opening,
    /// The name of a table that is not there, up to the number of the refusal.
    missing: String,
    refusals: Mutex<Vec<Refusal>>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(watcher: &'a Watcher, opening: &'a Opening) -> anyhow::Result<Self> {
        let missing = format!("devstack_refusal_{}_", entropy::password()?);
        Ok(Self { watcher, opening, missing, refusals: Mutex::default() })
    }

    /// What the server gets for what the client says.
    pub(super) fn of_client(&self, message: Message) -> Message {
        let said = match message.tag {
            b'Q' => text(&message.body).map(|(sql, _)| ("", sql)),
            b'P' => text(&message.body).and_then(|(name, rest)| text(rest).map(|(sql, _)| (name, sql))),
            _ => None,
        };
        let refused = match message.tag {
            b'B' => values(&message.body).into_iter().find_map(|value| (self.watcher)(self.opening, value)),
            _ => said.and_then(|(_, sql)| (self.watcher)(self.opening, sql)),
        };
        let (Some(refusal), name) = (refused, said.map_or("", |(name, _)| name)) else { return message };
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let impossible = format!("select from {}{}", self.missing, refusals.len());
        refusals.push(refusal);
        match message.tag {
            b'Q' => Message::new(b'Q', format!("{impossible}\0")),
            // Of a statement that is not there; nothing follows.
            b'B' => Message::new(b'B', format!("\0{impossible}\0\0\0\0\0\0\0")),
            // Without types of parameters.
            _ => Message::new(b'P', format!("{name}\0{impossible}\0\0\0")),
        }
    }

    /// What the client gets for what the server says.
    pub(super) fn of_server(&self, message: Message) -> Message {
        if message.tag != b'E' {
            return message;
        }
        self.refusal(&message.body).map_or(message, |refusal| refusal.to_message())
    }

    fn refusal(&self, body: &[u8]) -> Option<Refusal> {
        let complaint = Refusal::parse(body)?.message;
        let (_, after) = complaint.split_once(&self.missing)?;
        let number: String = after.chars().take_while(char::is_ascii_digit).collect();
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(number.parse::<usize>().ok()?).cloned()
    }
}

/// The values that are bound to a statement, as far as they are text.
fn values(body: &[u8]) -> Vec<&str> {
    let read = || {
        let (_, rest) = text(body)?;
        let (_, rest) = text(rest)?;
        let (formats, rest) = rest.split_first_chunk()?;
        let rest = rest.get(2 * usize::from(u16::from_be_bytes(*formats))..)?;
        let (count, mut rest) = rest.split_first_chunk()?;
        let mut values = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            let (length, after) = rest.split_first_chunk()?;
            // Null is a negative length.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or_default();
            let (value, after) = after.split_at_checked(length)?;
            values.extend(std::str::from_utf8(value));
            rest = after;
        }
        Some(values)
    };
    read().unwrap_or_default()
}
