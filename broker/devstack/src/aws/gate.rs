//! Who is let in with tokens alone, and whose token is good.

use std::sync::{Mutex, PoisonError};

use super::Aws;
use super::token::Shown;

/// What all endpoints of a server ask.
#[derive(Debug)]
pub(super) struct Gate {
    aws: Aws,
    region: String,
    token_users: Vec<String>,
    reasons: Mutex<Vec<String>>,
}

impl Gate {
    pub(super) fn new(aws: &Aws, region: &str, token_users: &[&str]) -> Self {
        Self {
            aws: aws.clone(),
            region: region.to_owned(),
            token_users: token_users.iter().map(|user| (*user).to_owned()).collect(),
            reasons: Mutex::default(),
        }
    }

    /// Whether this user is let in with tokens alone; all others prove themselves to the server.
    pub(super) fn wants_token(&self, user: &str) -> bool {
        self.token_users.iter().any(|token_user| token_user == user)
    }

    /// Whether the token lets this user in on this port. Why not is kept, and clients are not told.
    pub(super) fn lets_in(&self, token: &str, port: u16, user: &str) -> bool {
        let shown = Shown { region: &self.region, host: "localhost", port, user };
        let verdict = self.aws.verify(token, &shown);
        if let Err(reason) = &verdict {
            self.reasons.lock().unwrap_or_else(PoisonError::into_inner).push(reason.to_string());
        }
        verdict.is_ok()
    }

    /// Why tokens were refused so far.
    pub(super) fn reasons(&self) -> Vec<String> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
