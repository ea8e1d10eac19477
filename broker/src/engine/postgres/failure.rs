//! What went wrong at the server, sorted by what can be done about it, and without any secret.

use sqlx::postgres::PgDatabaseError;

use crate::engine::EngineError;
use crate::engine::postgres::quote::Unquotable;
use crate::engine::postgres::scram;

/// A failure whose text is fit to be logged.
///
/// Made from the driver's error at once, which is then dropped: it carries the statement's context and
/// detail, and our statements carry verifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// The SQLSTATE, where the server spoke.
    pub(super) code: Option<String>,
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
        Self { kind: Kind::Refused, code: None, detail: detail.into() }
    }

    /// Whether the server said this.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether a login was refused for its password. Neon's proxy says so with another code.
    pub(super) fn is_wrong_password(&self) -> bool {
        self.is(INVALID_PASSWORD)
            || self.is(INTERNAL_ERROR) && self.detail.contains("password authentication failed")
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
            sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => said(error),
                None => Self::refused("an error of another kind of database"),
            },
            sqlx::Error::Io(error) => broken(error.to_string()),
            sqlx::Error::Protocol(text) => broken(text),
            sqlx::Error::WorkerCrashed => broken("the driver stopped".to_owned()),
            sqlx::Error::Tls(error) => {
                Self { kind: Kind::Unavailable, code: None, detail: format!("TLS: {error}") }
            }
            other => Self::refused(format!("an unexpected answer: {}", scrub(&other.to_string()))),
        }
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

/// The password could not be had.
impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let (kind, detail) = match error {
            EngineError::Refused { detail } => (Kind::Refused, detail),
            EngineError::Unavailable { detail } | EngineError::Busy { detail, .. } => {
                (Kind::Unavailable, detail)
            }
        };
        Self { kind, code: None, detail }
    }
}

fn said(error: &PgDatabaseError) -> Failure {
    let code = error.code();
    let mut detail = format!("{} (SQLSTATE {code})", scrub(error.message()));
    // What depends on the role, without which nobody can help. Names of objects, no values.
    if let (DEPENDENT_OBJECTS, Some(objects)) = (code, error.detail()) {
        detail.push_str(": ");
        detail.push_str(&scrub(objects).replace('\n', "; "));
    }
    Failure { kind: kind(code, error.message()), code: Some(code.to_owned()), detail }
}

/// By SQLSTATE (PostgreSQL documentation, appendix A).
fn kind(code: &str, message: &str) -> Kind {
    match code {
        // serialization_failure, deadlock_detected
        "40001" | "40P01" | LOCK_NOT_AVAILABLE => Kind::Busy,
        // Two at once made the same role, or the same membership.
        "23505" | "42710" => Kind::Busy,
        SESSION_BEGAN => Kind::Busy,
        // "tuple concurrently updated", "tuple concurrently deleted"
        "XX000" if message.starts_with("tuple concurrently") => Kind::Busy,
        // Neon's control plane, asked at the commit, is busy with something else or was asked too often.
        "XX000" if CONTROL_PLANE_BUSY.iter().any(|text| message.starts_with(text)) => Kind::Busy,
        // Neon's proxy, which has this code for everything: the compute does not wake, or has no room.
        "XX000" if PROXY_BUSY.iter().any(|text| message.contains(text)) => Kind::Unavailable,
        // admin_shutdown, crash_shutdown, cannot_connect_now, idle sessions ended
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Kind::Broken,
        // query_canceled: the statement's timeout
        "57014" | SESSIONS_LEFT => Kind::Unavailable,
        // connection exceptions, no more room (connections, memory, disk)
        _ if code.starts_with("08") || code.starts_with("53") => Kind::Unavailable,
        _ => Kind::Refused,
    }
}

fn broken(detail: String) -> Failure {
    Failure { kind: Kind::Broken, code: None, detail }
}

/// Takes out what a server may quote from the statement: the verifier.
fn scrub(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, verifier)) = rest.split_once(scram::PREFIX) {
        clean.push_str(before);
        clean.push('…');
        rest = verifier.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "+/=:$".contains(c));
    }
    clean.push_str(rest);
    clean
}

/// internal_error: the server found what it thought could not be.
pub(super) const INTERNAL_ERROR: &str = "XX000";

const CONTROL_PLANE_BUSY: [&str; 3] = [
    "Received HTTP code 423 from control plane",
    "Received HTTP code 429 from control plane",
    "Received HTTP code 503 from control plane",
];

const PROXY_BUSY: [&str; 4] = [
    "Couldn't connect to compute node",
    "endpoint is temporarily unavailable",
    "Too many connections to this endpoint",
    "Failed to acquire permit to connect",
];

/// dependent_objects_still_exist
pub(super) const DEPENDENT_OBJECTS: &str = "2BP01";

/// lock_not_available: others held a lock for longer than we wait.
pub(super) const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A login with the wrong password.
const INVALID_PASSWORD: &str = "28P01";

/// undefined_object: there is no such role.
pub(super) const UNDEFINED_OBJECT: &str = "42704";

/// Ours, raised while sessions have not ended yet.
pub(super) const SESSIONS_LEFT: &str = "DSB01";

/// Ours, raised for a role that was not made for a lease.
pub(super) const NOT_OURS: &str = "DSB02";

/// Ours, raised when a session began while the role was being dropped.
pub(super) const SESSION_BEGAN: &str = "DSB03";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_verifier_never_stays_in_a_text() {
        let verifier = scram::verifier(&Secret::new("x"), &[7; scram::SALT]).unwrap();
        for around in ["syntax error at or near \"{}\"", "{}", "'{}' and {}", "a {}"] {
            let clean = scrub(&around.replace("{}", &verifier));
            assert_eq!(clean, around.replace("{}", "…"));
        }
        assert_eq!(scrub("nothing to hide"), "nothing to hide");
    }

    #[test]
    fn codes_are_sorted_by_what_can_be_done() {
        for (code, message, expected) in [
            ("XX000", "tuple concurrently updated", Kind::Busy),
            ("XX000", "cache lookup failed", Kind::Refused),
            ("XX000", "Received HTTP code 423 from control plane: {}", Kind::Busy),
            ("XX000", "Couldn't connect to compute node", Kind::Unavailable),
            ("XX000", "password authentication failed for user 'x'", Kind::Refused),
            ("40P01", "deadlock detected", Kind::Busy),
            ("55P03", "canceling statement due to lock timeout", Kind::Busy),
            ("57P01", "terminating connection", Kind::Broken),
            ("57014", "canceling statement due to statement timeout", Kind::Unavailable),
            ("53300", "too many connections", Kind::Unavailable),
            ("08006", "connection failure", Kind::Unavailable),
            ("42501", "permission denied", Kind::Refused),
            ("28P01", "password authentication failed", Kind::Refused),
        ] {
            assert_eq!(kind(code, message), expected, "{code} {message}");
        }
    }
}
