//! The verbs of an engine, whichever kind of credential they are about.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::CredentialSpec;
use crate::engine::{ConnectTokens, DynamicUsers, Engine, EngineError, Made, NewUser, Passwords, Sessions};
use crate::model::{Credential, CredentialKind, Handle};
use crate::secret::Secret;

/// A credential to be made.
#[derive(Debug)]
pub struct New<'a> {
    /// What it is made of.
    pub spec: &'a CredentialSpec,
    /// The name of a new user.
    pub name: &'a str,
    /// The password of a new user.
    pub password: &'a Secret,
    /// Settings for each session of a new user.
    pub parameters: &'a BTreeMap<String, String>,
    /// How long it is to be good, from now by the database's clock.
    pub ttl: Duration,
}

impl Engine {
    /// The kinds of credential it can make.
    pub fn kinds(&self) -> Vec<CredentialKind> {
        let users = self.dynamic_users.iter().map(|_| CredentialKind::DynamicUser);
        let tokens = self.connect_tokens.iter().map(|_| CredentialKind::ConnectToken);
        let passwords = self.passwords.iter().map(|_| CredentialKind::RotatedPassword);
        users.chain(tokens).chain(passwords).collect()
    }

    /// What ending a credential will need, known before it is made.
    pub fn handle(&self, spec: &CredentialSpec, name: &str) -> Result<Handle, EngineError> {
        match spec {
            CredentialSpec::DynamicUser(spec) => Ok(self.users()?.handle(name, spec)),
            CredentialSpec::ConnectToken(token) => {
                Ok(Handle { kind: CredentialKind::ConnectToken, ..Handle::of(&token.username) })
            }
            // Which of its two users it is, is not for the engine to say.
            CredentialSpec::RotatedPassword(_) => {
                Ok(Handle { kind: CredentialKind::RotatedPassword, ..Handle::of(name) })
            }
        }
    }

    /// Makes it.
    pub async fn make(&self, new: &New<'_>) -> Result<Made, EngineError> {
        match new.spec {
            CredentialSpec::DynamicUser(spec) => {
                let New { name, password, parameters, ttl, .. } = *new;
                self.users()?.create(&NewUser { name, password, spec, parameters, ttl }).await
            }
            CredentialSpec::ConnectToken(token) => self.tokens()?.token(&token.username).await,
            CredentialSpec::RotatedPassword(pair) => {
                self.passwords()?.rotate(pair, new.name, new.password).await
            }
        }
    }

    /// The credential of a user that logs in with this password, if it does.
    pub async fn verify(&self, username: &str, password: &Secret) -> Result<Option<Credential>, EngineError> {
        self.passwords()?.verify(username, password).await
    }

    /// Lets it be used for `ttl` from now.
    pub async fn renew(&self, handle: &Handle, ttl: Duration) -> Result<(), EngineError> {
        match handle.kind {
            CredentialKind::DynamicUser => self.users()?.renew(handle, ttl).await,
            kind => Err(EngineError::Refused { detail: format!("a {} cannot be renewed", kind.as_str()) }),
        }
    }

    /// Ends new logins; sessions go on.
    pub async fn disable(&self, handle: &Handle) -> Result<(), EngineError> {
        match handle.kind {
            CredentialKind::DynamicUser => self.users()?.disable(handle).await,
            // Nothing takes it back: it ends by itself.
            CredentialKind::ConnectToken => Ok(()),
            // Its user stays, and is used again.
            CredentialKind::RotatedPassword => Ok(()),
        }
    }

    /// Ends what was made, with its sessions; where the user stays, these end as it is said. Succeeds if nothing is there.
    pub async fn remove(&self, handle: &Handle, sessions: Sessions) -> Result<(), EngineError> {
        match handle.kind {
            CredentialKind::DynamicUser => self.users()?.remove(handle).await,
            CredentialKind::ConnectToken => Ok(()),
            CredentialKind::RotatedPassword => self.passwords()?.unset(&handle.username, sessions).await,
        }
    }

    /// What is there under names that begin with `prefix`.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, EngineError> {
        match &self.dynamic_users {
            Some(users) => users.list(prefix).await,
            None => Ok(Vec::new()),
        }
    }

    fn users(&self) -> Result<&dyn DynamicUsers, EngineError> {
        self.dynamic_users.as_deref().ok_or_else(|| absent(CredentialKind::DynamicUser))
    }

    fn passwords(&self) -> Result<&dyn Passwords, EngineError> {
        self.passwords.as_deref().ok_or_else(|| absent(CredentialKind::RotatedPassword))
    }

    fn tokens(&self) -> Result<&dyn ConnectTokens, EngineError> {
        self.connect_tokens.as_deref().ok_or_else(|| absent(CredentialKind::ConnectToken))
    }
}

fn absent(kind: CredentialKind) -> EngineError {
    EngineError::Refused { detail: format!("its engine, as it is configured, makes no {}", kind.as_str()) }
}
