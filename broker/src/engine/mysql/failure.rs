//! What went wrong at the server, sorted by what can be done about it, and without any secret.

use sqlx::mysql::MySqlDatabaseError;

use crate::engine::EngineError;
use crate::engine::mysql::quote::Unquotable;

/// A failure whose text is fit to be logged. Made from the driver's error at once, which is then dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The server's number for it, where the server spoke.
    pub(super) number: Option<u16>,
    pub(super) detail: String,
}

/// What can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Others were in the way: try again in a moment.
    Busy,
    /// The connection is gone: try again on another.
    Broken,
    /// The server cannot be reached, or has no room, or was not done in time.
    Unavailable,
    /// The server will not do it.
    Refused,
}

impl Failure {
    /// We will not even ask.
    pub(super) fn refused(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, number: None, detail: detail.into() }
    }

    /// Whether the server said this.
    pub(super) fn is(&self, number: u16) -> bool {
        self.number == Some(number)
    }

    /// Whether the broker's user lacks a privilege.
    pub(super) fn is_denied(&self) -> bool {
        self.number.is_some_and(|number| DENIED.contains(&number))
    }

    /// The same, said after `context`.
    pub(super) fn at(self, context: &str) -> Self {
        Self { detail: format!("{context}: {}", self.detail), ..self }
    }
}

impl From<Unquotable> for Failure {
    fn from(error: Unquotable) -> Self {
        Self::refused(error.to_string())
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
                Some(error) => said(error.number(), error.message()),
                None => Self::refused("an error of another kind of database"),
            },
            sqlx::Error::Io(error) => broken(error.to_string()),
            sqlx::Error::Protocol(text) if text.contains("mysql_cleartext_plugin disabled") => {
                Self::refused(WANTS_TOKEN)
            }
            sqlx::Error::Protocol(text) => broken(scrub(&text)),
            sqlx::Error::WorkerCrashed => broken("the driver stopped".to_owned()),
            sqlx::Error::Tls(error) => {
                Self { kind: Kind::Unavailable, number: None, detail: format!("TLS: {error}") }
            }
            other => Self::refused(format!("an unexpected answer: {}", scrub(&other.to_string()))),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (kind, detail) = match error {
            EngineError::Refused { detail } => (Kind::Refused, detail),
            EngineError::Unavailable { detail } | EngineError::Busy { detail, .. } => {
                (Kind::Unavailable, detail)
            }
        };
        Self { kind, number: None, detail }
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            Kind::Refused => Self::Refused { detail: failure.detail },
            Kind::Busy | Kind::Broken | Kind::Unavailable => Self::Unavailable { detail: failure.detail },
        }
    }
}

fn said(number: u16, message: &str) -> Failure {
    // Such a message repeats a part of the statement, up to its end.
    let message = match number {
        SYNTAX => "it does not understand a statement of ours (a version that is not known here?)".to_owned(),
        _ => scrub(message),
    };
    Failure { kind: kind(number), number: Some(number), detail: format!("{message} (error {number})") }
}

/// By number (<https://mariadb.com/kb/en/mariadb-error-codes/>, the same at MySQL).
fn kind(number: u16) -> Kind {
    match number {
        // Waited too long for a lock, deadlock
        1205 | 1213 => Kind::Busy,
        // Shutting down, gone away, killed; 4031: idle for too long
        1053 | 1077 | 1080 | 1927 | 2006 | 2013 | 4031 => Kind::Broken,
        // No more room: connections, memory, disk; a statement that took too long or was interrupted
        1021 | 1037 | 1038 | 1040 | 1041 | 1135 | 1203 | 1226 | 1317 | 1969 | 3024 => Kind::Unavailable,
        // Read-only: a replica, or a primary that is being replaced
        1290 | 1836 => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

fn broken(detail: String) -> Failure {
    Failure { kind: Kind::Broken, number: None, detail }
}

/// Takes out what a server may quote from a statement: hashes of passwords (`*` and 40 digits), and what is as long and
/// plain as our passwords.
fn scrub(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        match word.len() >= SECRETS_ARE_LONG {
            true => clean.push_str(&part.replace(word, "…")),
            false => clean.push_str(part),
        }
    }
    clean
}

/// In letters and digits.
const SECRETS_ARE_LONG: usize = 32;

/// Nobody is shown a password that was to be proved.
const WANTS_TOKEN: &str = "the server asks to be shown the password itself, as it does for users that log in with a token: it was not";

/// ER_PARSE_ERROR
const SYNTAX: u16 = 1064;

/// ER_ACCESS_DENIED_ERROR: a login with the wrong password, among others
pub(super) const ACCESS_DENIED: u16 = 1045;

/// ER_NO_SUCH_THREAD
pub(super) const NO_SUCH_THREAD: u16 = 1094;

/// ER_NONEXISTING_GRANT: no such user or role
pub(super) const NO_SUCH_GRANT: u16 = 1141;

/// ER_DBACCESS_DENIED_ERROR, ER_TABLEACCESS_DENIED_ERROR, ER_KILL_DENIED_ERROR, ER_SPECIFIC_ACCESS_DENIED_ERROR
const DENIED: [u16; 4] = [1044, 1142, 1095, 1227];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_stays_in_a_text() {
        let (hash, password) = ("*14E65567ABDB5135D0CFD9A70B3032C179A49EE7", "Ab3".repeat(11));
        for secret in [hash, &password] {
            for around in ["near '{}' at line 1", "{}", "'{}' and {}"] {
                let clean = scrub(&around.replace("{}", secret));
                assert!(!clean.contains(secret.trim_start_matches('*')), "{clean}");
            }
        }
        assert_eq!(scrub("Unknown thread id: 7"), "Unknown thread id: 7");
        assert_eq!(
            scrub("user 'dsn_0a1b2c_orders_r_777777777777'@'%'"),
            "user 'dsn_0a1b2c_orders_r_777777777777'@'%'"
        );
        let unread = said(SYNTAX, &format!("You have an error near '{password}'"));
        assert!(!unread.detail.contains(&password) && unread.kind == Kind::Refused);
    }

    #[test]
    fn numbers_are_sorted_by_what_can_be_done() {
        for (number, expected) in
            [(1213, Kind::Busy), (1053, Kind::Broken), (1040, Kind::Unavailable), (1045, Kind::Refused)]
        {
            assert_eq!(kind(number), expected, "{number}");
        }
    }
}
