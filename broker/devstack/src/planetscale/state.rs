//! What it knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;

use super::branches::{self, Branch};
use super::credential::Credential;
use crate::clock::Clock;
use crate::entropy;

/// A service token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its identifier.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

/// How it does what its documents leave open.
#[derive(Clone, Debug)]
pub struct Habits {
    /// What a token that is wrong gets.
    pub bad_token: StatusCode,
    /// What a token gets that may not.
    pub missing_access: StatusCode,
    /// What stands in the place of a secret that is not shown any more.
    pub secret_on_read: Unsaid,
    /// How often a new role is looked at before it is ready.
    pub looks_until_ready: u32,
    /// Whether sessions of what was deleted or has expired are ended.
    pub cuts_sessions: bool,
    /// How long a credential lasts at most, whatever was asked; in seconds.
    pub longest_ttl: Option<u64>,
    /// Whether the host of roles comes without a port.
    pub bare_host: bool,
}

/// How something is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsaid {
    /// By null.
    Null,
    /// By an empty text.
    Empty,
    /// By nothing.
    Omitted,
}

/// All that it knows.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    known: Mutex<Known>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) habits: Habits,
    pub(super) branches: Vec<Branch>,
    pub(super) credentials: Vec<Credential>,
    /// By `id:secret`.
    pub(super) service_tokens: BTreeMap<String, BTreeSet<String>>,
    pub(super) oauth_tokens: BTreeSet<String>,
}

impl State {
    pub(super) fn new(clock: Clock) -> Self {
        let habits = Habits {
            bad_token: StatusCode::NOT_FOUND,
            missing_access: StatusCode::NOT_FOUND,
            secret_on_read: Unsaid::Null,
            looks_until_ready: 0,
            cuts_sessions: true,
            longest_ttl: None,
            bare_host: false,
        };
        let (branches, credentials) = (branches::all(), Vec::new());
        let (service_tokens, oauth_tokens) = <_>::default();
        let known = Mutex::new(Known { habits, branches, credentials, service_tokens, oauth_tokens });
        Self { clock, known }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn service_token(&self, accesses: &[&str]) -> anyhow::Result<Token> {
        let token = Token { id: short()?, secret: format!("pscale_tkn_{}", entropy::password()?) };
        let accesses = accesses.iter().map(|access| (*access).to_owned()).collect();
        self.lock().service_tokens.insert(format!("{}:{}", token.id, token.secret), accesses);
        Ok(token)
    }

    pub(super) fn set_access(&self, token: &Token, access: &str, given: bool) {
        let mut known = self.lock();
        let Some(accesses) = known.service_tokens.get_mut(&format!("{}:{}", token.id, token.secret)) else {
            return;
        };
        if given {
            accesses.insert(access.to_owned());
        } else {
            accesses.remove(access);
        }
    }

    pub(super) fn oauth_token(&self) -> anyhow::Result<String> {
        let token = format!("pscale_oauth_{}", entropy::password()?);
        self.lock().oauth_tokens.insert(token.clone());
        Ok(token)
    }
}

/// An identifier as PlanetScale's are: 12 letters and digits.
pub(super) fn short() -> anyhow::Result<String> {
    Ok(entropy::password()?.chars().take(12).collect())
}
