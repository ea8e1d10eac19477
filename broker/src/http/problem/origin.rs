//! Which problem an error of the use cases is: every variant is matched.

use crate::broker::{IssueError, RenewError, RevokeError, RotateError};
use crate::engine::EngineError;
use crate::http::problem::{Kind, Problem};
use crate::ledger::LedgerError;

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let kind = match &error {
            LedgerError::Overloaded => Kind::Overloaded,
            LedgerError::Timeout { .. } | LedgerError::Database { .. } => Kind::LedgerUnavailable,
            LedgerError::Inconsistent { .. } | LedgerError::Url { .. } => Kind::Internal,
        };
        Self::new(kind).because(causes(&error))
    }
}

impl From<&EngineError> for Problem {
    fn from(error: &EngineError) -> Self {
        let kind = match error {
            EngineError::Unavailable { .. } => Kind::EngineUnavailable,
            EngineError::Refused { .. } => Kind::EngineRefused,
            EngineError::Busy { retry_after, .. } => {
                return Self::new(Kind::EngineUnavailable).retry_after(*retry_after).because(causes(error));
            }
        };
        Self::new(kind).because(causes(error))
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        use crate::broker::MintError;
        match &error {
            IssueError::TtlTooLong { .. } | IssueError::TtlTooShort { .. } => {
                Self::invalid("ttl", error.to_string())
            }
            IssueError::OnlyOne => Self::invalid("body", error.to_string()),
            IssueError::InstanceUnknown => Self::invalid("Dsn-Instance", error.to_string()),
            IssueError::Busy | IssueError::Revoked => Self::new(Kind::Overloaded).because(error),
            IssueError::Record(_) => Self::new(Kind::LedgerUnavailable).because(causes(&error)),
            IssueError::Mint(mint) => match &**mint {
                MintError::Quota => Self::new(Kind::QuotaExceeded),
                MintError::Engine { source, .. } => Self::from(source).because(mint),
                MintError::Ledger(LedgerError::Overloaded) | MintError::Superseded | MintError::Stopping => {
                    Self::new(Kind::Overloaded).because(mint)
                }
                MintError::Ledger(ledger) => Self::new(Kind::LedgerUnavailable).because(causes(ledger)),
            },
        }
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::NotRenewable { .. } => Self::new(Kind::LeaseNotRenewable).telling(error.to_string()),
            RenewError::TtlTooLong { .. } | RenewError::Shortens { .. } => {
                Self::invalid("ttl", error.to_string())
            }
            RenewError::Engine(engine) => Self::from(&engine),
            RenewError::Ledger(ledger) => ledger.into(),
        }
    }
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::NoPassword => {
                Self::invalid("role", format!("{error}: say which role's is to be rotated"))
            }
            RotateError::Busy => Self::new(Kind::Overloaded).because(error),
            RotateError::Engine(engine) => Self::from(&engine),
            RotateError::Ledger(ledger) => ledger.into(),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Unknown => Self::new(Kind::LeaseNotFound),
            RevokeError::Ledger(ledger) => ledger.into(),
        }
    }
}

/// An error with its causes on one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
