//! Passwords in the ledger: sealed, each bound to its user and database.

use crate::broker::Broker;
use crate::model::DatabaseName;
use crate::seal::Sealed;
use crate::secret::Secret;

impl Broker {
    pub(super) fn sealed(&self, database: &DatabaseName, username: &str, password: &Secret) -> Vec<u8> {
        let place = place(database, username);
        self.sealer.seal(password.expose().as_bytes(), place.as_bytes(), &*self.entropy).as_bytes().to_vec()
    }

    pub(super) fn opened(&self, database: &DatabaseName, username: &str, sealed: Vec<u8>) -> Option<Secret> {
        let opened = self.sealer.open(&Sealed::from_bytes(sealed), place(database, username).as_bytes());
        match opened.map(|text| std::str::from_utf8(&text).map(Secret::new)) {
            Ok(Ok(password)) => Some(password),
            Ok(Err(_)) => None,
            Err(error) => {
                tracing::error!(database.name = %database, user = username, %error, "a password in the ledger does not open");
                None
            }
        }
    }
}

/// No name of a database has a blank in it.
fn place(database: &DatabaseName, username: &str) -> String {
    format!("password {database} {username}")
}
