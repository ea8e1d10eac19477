//! Rotated passwords: roles are reset in turn; passwords of a branch, which cannot be changed, are made anew and deleted.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::config::{EndpointKind, RotatedPassword};
use crate::engine::planetscale::{Item, PlanetScale, Product, unusable, wish};
use crate::engine::postgres::{Login, Postgres};
use crate::engine::{EngineError, Made, Passwords, Sessions};
use crate::model::{Credential, Handle, Protocol};
use crate::secret::Secret;

impl Passwords for PlanetScale {
    fn set<'a>(&'a self, username: &'a str, _: &'a Secret) -> BoxFuture<'a, Result<Made, EngineError>> {
        self.bounded(async move {
            match self.product {
                Product::Postgres => self.reset(username).await,
                Product::Mysql => {
                    let detail = "a password there is made of what its pair says, and cannot be set";
                    Err(self.refused(detail))
                }
            }
        })
    }

    fn rotate<'a>(
        &'a self,
        pair: &'a RotatedPassword,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Made, EngineError>> {
        match self.product {
            Product::Postgres => self.set(username, password),
            Product::Mysql => self.bounded(self.replace(pair, username)),
        }
    }

    /// Both end sessions: the provider does.
    fn unset<'a>(&'a self, username: &'a str, _: Sessions) -> BoxFuture<'a, Result<(), EngineError>> {
        self.bounded(async move {
            match self.product {
                Product::Postgres => match self.branch.find(username).await? {
                    Some(role) => self.branch.reset(&role).await.map(drop),
                    None => Ok(()),
                },
                Product::Mysql => self.branch.remove(&Handle::of(username)).await,
            }
        })
    }

    fn verify<'a>(
        &'a self,
        username: &'a str,
        password: &'a Secret,
    ) -> BoxFuture<'a, Result<Option<Credential>, EngineError>> {
        self.bounded(async move {
            match self.product {
                Product::Postgres => self.log_in(username, password).await,
                Product::Mysql => {
                    Err(self.refused("a password there is made anew and never adopted, and cannot be tried"))
                }
            }
        })
    }
}

impl PlanetScale {
    /// A new password for the role of this name; the one before ends with it.
    async fn reset(&self, name: &str) -> Result<Made, EngineError> {
        let role = self.role_of(name).await?;
        if let Some(end) = role.expires_at {
            return Err(self.refused(&ending(name, &end.to_rfc3339())));
        }
        let login = self.branch.reset(&role).await?;
        Ok(Made::of(self.credential(&login)?))
    }

    /// A new password of this name, and then the end of all others of the same name.
    async fn replace(&self, pair: &RotatedPassword, name: &str) -> Result<Made, EngineError> {
        let wish = wish::password(name, pair.access, pair.replica, &pair.cidrs, None);
        let new = self.branch.create(&wish).await?;
        let credential = self.credential(&new.login)?;
        self.branch.remove_others(name, &new.id).await?;
        Ok(Made { id: Some(new.id), ..Made::of(credential) })
    }

    async fn role_of(&self, name: &str) -> Result<Item, EngineError> {
        self.branch.find(name).await?.ok_or_else(|| self.refused(&self.branch.lacking(name)))
    }

    /// Logs in as the role of this name, straight to the primary.
    async fn log_in(&self, name: &str, password: &Secret) -> Result<Option<Credential>, EngineError> {
        let role = self.role_of(name).await?;
        let (username, host) = (role.login.username(), role.login.host());
        let (Some(username), Some(host)) = (username, host) else {
            return Err(unusable(&self.branch.place(), "a user name and its host"));
        };
        let mut endpoints = self.database.endpoints.iter();
        let direct = endpoints.find(|(name, endpoint)| {
            endpoint.kind(name) == EndpointKind::Primary && endpoint.bouncer.is_none()
        });
        let (endpoint, at) = direct.ok_or_else(|| {
            self.refused("no endpoint leads straight to the primary, to try the password there: name one")
        })?;
        let login = Login {
            endpoint: endpoint.clone(),
            host: at.host.clone().unwrap_or(host.name),
            port: at.port.or(host.port).unwrap_or(Protocol::Postgres.port()),
            username: username.to_owned(),
            password: Arc::new(password.clone()),
        };
        let server = Postgres::new(&self.database, login, &self.tools)
            .map_err(|error| self.refused(&error.to_string()))?;
        match server.verify(username, password).await? {
            Some(_) => Ok(Some(self.credential_with(&role.login, password.clone())?)),
            None => Ok(None),
        }
    }
}

/// What is wrong with a role of a pair that does not last.
pub(super) fn ending(name: &str, end: &str) -> String {
    format!("the role {name:?} ends by itself at {end}: make another one without a TTL")
}
