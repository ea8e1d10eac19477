//! Passwords in the ledger: sealed, each bound to its user and database.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::broker::Broker;
use crate::engine::KeptPasswords;
use crate::ledger::Ledger;
use crate::model::{Credential, DatabaseName};
use crate::seal::{OpenError, Sealed, Sealer, StoredCredential};
use crate::secret::Secret;

/// The passwords of the broker's own users that it has changed itself.
pub struct LedgerPasswords {
    /// Where they are kept.
    pub ledger: Arc<Ledger>,
    /// What opens them.
    pub sealer: Arc<Sealer>,
    /// The database whose they are.
    pub database: DatabaseName,
}

impl KeptPasswords for LedgerPasswords {
    fn of<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Vec<Secret>> {
        Box::pin(async move {
            let kept = match self.ledger.passwords(&self.database, &[username.to_owned()]).await {
                Ok(kept) => kept.into_iter().next(),
                Err(error) => {
                    tracing::warn!(database.name = %self.database, %error, "the ledger cannot say whether the broker's password was changed; that of the configuration is used");
                    None
                }
            };
            let sealed = kept.into_iter().flat_map(|kept| [kept.secret, kept.pending]).flatten();
            sealed.filter_map(|sealed| opened(&self.sealer, &self.database, username, sealed)).collect()
        })
    }
}

impl Broker {
    pub(super) fn sealed(&self, database: &DatabaseName, username: &str, password: &Secret) -> Vec<u8> {
        let place = place(database, username);
        self.sealer.seal(password.expose().as_bytes(), place.as_bytes(), &*self.entropy).as_bytes().to_vec()
    }

    pub(super) fn opened(&self, database: &DatabaseName, username: &str, sealed: Vec<u8>) -> Option<Secret> {
        opened(&self.sealer, database, username, sealed)
    }

    /// With all that the provider says of it, for that is not asked again.
    pub(super) fn sealed_credential(
        &self,
        database: &DatabaseName,
        username: &str,
        credential: &Credential,
    ) -> Vec<u8> {
        let (stored, place) = (StoredCredential::of(credential), place(database, username));
        self.sealer.seal_json(&stored, place.as_bytes(), &*self.entropy).as_bytes().to_vec()
    }

    pub(super) fn opened_credential(
        &self,
        database: &DatabaseName,
        username: &str,
        sealed: Vec<u8>,
    ) -> Option<Credential> {
        let opened = self.sealer.open_json(&Sealed::from_bytes(sealed), place(database, username).as_bytes());
        let stored: StoredCredential<String> = said(database, username, opened)?;
        Some(stored.into_credential())
    }
}

fn opened(sealer: &Sealer, database: &DatabaseName, username: &str, sealed: Vec<u8>) -> Option<Secret> {
    let opened = sealer.open(&Sealed::from_bytes(sealed), place(database, username).as_bytes());
    std::str::from_utf8(&said(database, username, opened)?).map(Secret::new).ok()
}

fn said<T>(database: &DatabaseName, username: &str, opened: Result<T, OpenError>) -> Option<T> {
    let not = |error: &OpenError| {
        tracing::error!(database.name = %database, user = username, %error, "a password in the ledger does not open");
    };
    opened.inspect_err(not).ok()
}

/// No name of a database has a blank in it.
fn place(database: &DatabaseName, username: &str) -> String {
    format!("password {database} {username}")
}
