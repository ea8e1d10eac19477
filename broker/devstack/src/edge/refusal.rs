//! Errors as a server of Postgres sends them.

use super::wire::{Message, text};

/// An error that the edge sends in its own name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Refusal {
    /// `FATAL` or `ERROR`.
    pub severity: String,
    /// Five letters and digits.
    pub sqlstate: String,
    /// What happened.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// One after which a server ends the session.
    pub fn fatal(sqlstate: &str, message: impl Into<String>) -> Self {
        Self { severity: "FATAL".into(), sqlstate: sqlstate.into(), message: message.into(), hint: None }
    }

    /// One that fails a statement; some providers end a session with such a one, too.
    pub fn error(sqlstate: &str, message: impl Into<String>) -> Self {
        Self { severity: "ERROR".into(), ..Self::fatal(sqlstate, message) }
    }

    /// What to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What a server says to its sessions when it is told to stop.
    pub fn shutdown() -> Self {
        Self::fatal("57P01", "terminating connection due to administrator command")
    }

    pub(super) fn to_message(&self) -> Message {
        let fields = [
            (b'S', Some(&self.severity)),
            (b'V', Some(&self.severity)),
            (b'C', Some(&self.sqlstate)),
            (b'M', Some(&self.message)),
            (b'H', self.hint.as_ref()),
        ];
        let mut body = Vec::new();
        for (kind, value) in fields.into_iter().filter_map(|(kind, value)| Some((kind, value?))) {
            body.push(kind);
            body.extend(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        Message::new(b'E', body)
    }

    /// Reads the body of a server's error.
    pub(super) fn parse(mut body: &[u8]) -> Option<Self> {
        let mut refusal = Self::error("", "");
        while let Some((kind, rest)) = body.split_first().filter(|(kind, _)| **kind != 0) {
            let (value, rest) = text(rest)?;
            match kind {
                b'V' => refusal.severity = value.into(),
                b'C' => refusal.sqlstate = value.into(),
                b'M' => refusal.message = value.into(),
                b'H' => refusal.hint = Some(value.into()),
                _ => {}
            }
            body = rest;
        }
        Some(refusal)
    }
}
