//! Changing the password of the broker's own user at a database.
//!
//! There is only one such user, so the new password is kept, sealed, before the database is told: whichever step a
//! crash hits, one of the two that are kept is the one in force, and all replicas find out which.

use std::time::Duration;

use crate::broker::{Broker, failpoint};
use crate::engine::{EngineError, Site};
use crate::entropy::password;
use crate::ledger::LedgerError;

/// Why the password was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// There is none that could be.
    #[error("the broker has no password of its own at this database")]
    NoPassword,
    /// Another change of it has begun and not ended.
    #[error("the password is being changed already")]
    Busy,
    /// The database could not or would not change it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger could not keep it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Broker {
    /// Changes the password of the broker's own user at a database. Connections that are open go on.
    pub async fn rotate_admin(&self, site: &Site) -> Result<(), RotateError> {
        let admin = site.config.admin.as_ref().filter(|admin| admin.password.is_some());
        let (Some(admin), Some(passwords)) = (admin, &site.engine.passwords) else {
            return Err(RotateError::NoPassword);
        };
        let (database, username, now) = (&site.name, admin.username.as_str(), self.clock.now());
        let kept =
            self.ledger.passwords(database, std::slice::from_ref(&admin.username)).await?.into_iter().next();
        // A change that was cut short long ago: it may have come into force.
        let stale = now - (site.timeout() * 2 + Duration::from_secs(30));
        if let Some(kept) = kept
            && let Some(sealed) = kept.pending
            && kept.pending_at.is_some_and(|begun| begun <= stale)
            && let Some(pending) = self.opened(database, username, sealed.clone())
            && site.call(passwords.verify(username, &pending)).await?.is_some()
        {
            self.ledger.keep_password(database, username, &sealed, now).await?;
        }
        let password = password(&*self.entropy);
        let sealed = self.sealed(database, username, &password);
        if !self.ledger.begin_change(database, username, &sealed, now, stale).await? {
            return Err(RotateError::Busy);
        }
        failpoint::pass("admin.pending");
        match site.call(passwords.set(username, &password)).await {
            Ok(_) => {}
            // It may have been done: both are tried from now on.
            Err(error @ EngineError::Unavailable { .. }) => return Err(error.into()),
            Err(error) => {
                self.ledger.drop_pending(database, username, &sealed).await?;
                return Err(error.into());
            }
        }
        failpoint::pass("admin.set");
        // A server that says yes and does nothing would lock us out.
        if site.call(passwords.verify(username, &password)).await?.is_none() {
            self.ledger.drop_pending(database, username, &sealed).await?;
            let detail = "it said that the password is changed, and does not take the new one".to_owned();
            return Err(EngineError::Refused { detail }.into());
        }
        self.ledger.keep_password(database, username, &sealed, now).await?;
        Ok(())
    }
}
