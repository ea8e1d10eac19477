//! The engine for Amazon RDS and Aurora.
//!
//! Its connect tokens are computed here, with no call to anybody ([`token`]); only the AWS credentials that sign them
//! may have to be fetched, once an hour or so ([`credentials`]). Users per lease are made by SQL, as on a server of
//! one's own: with a password for the broker's own user there, or with a token made for each of its connections.
//!
//! What the server speaks ([`server`]) is said by the configuration. To a server of MySQL a token is shown as it is, in
//! clear text inside TLS: only where its certificate and host name are verified.

mod credentials;
mod inspect;
mod server;
mod sigv4;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use self::credentials::Credentials;
use self::inspect::Rds;
use self::server::Server;
use self::token::Signer;
use crate::config::Database;
use crate::engine::kept::Changeable;
use crate::engine::postgres::{Login, PasswordSource};
use crate::engine::{BuildError, ConnectTokens, Engine, EngineError, Made, Tools};
use crate::model::{Credential, EndpointName, EngineKind, Place};
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

/// Builds the engine. Connects to nothing, and asks for no credentials, until it is used.
pub(super) fn engine(database: &Database, tools: &Tools) -> Result<Engine, BuildError> {
    let section = database.rds.as_ref().ok_or(BuildError::NoSection { section: "rds" })?;
    let tokens = match &section.credentials {
        Some(config) => {
            let credentials = Credentials::new(config, &section.region, &tools.clock)?;
            let (signer, clock) = (Signer::new(&section.region), Arc::clone(&tools.clock));
            Some(Arc::new(Tokens { credentials, signer, places: places(database)?, clock }))
        }
        None => None,
    };
    let users = match &database.admin {
        Some(admin) => {
            let password: Arc<dyn PasswordSource> = match (&admin.password, &tokens) {
                (Some(password), _) => {
                    Arc::new(Changeable::new(&admin.username, password.read()?, Arc::clone(&tools.kept)))
                }
                (None, Some(tokens)) => tokens.as_password(&admin.endpoint, &admin.username),
                (None, None) => return Err(BuildError::NoAdmin),
            };
            let login = Login::of(database, &admin.endpoint, &admin.username, password)?;
            Some(Server::new(database, login, tools)?)
        }
        None => None,
    };
    Ok(Engine {
        kind: EngineKind::Rds,
        dynamic_users: users.as_ref().map(Server::users),
        passwords: users.as_ref().map(Server::passwords),
        connect_tokens: tokens.clone().map(|tokens| tokens as Arc<dyn ConnectTokens>),
        inspection: Arc::new(Rds::new(database, tools, users, tokens)),
    })
}

/// `host:port` of every endpoint, as it is signed: in small letters.
fn places(database: &Database) -> Result<BTreeMap<EndpointName, String>, BuildError> {
    let place = |(name, endpoint): (&EndpointName, &crate::config::Endpoint)| {
        let host =
            endpoint.host.as_deref().ok_or_else(|| BuildError::NoHost { endpoint: name.to_string() })?;
        let port = endpoint.port.unwrap_or(database.protocol().port());
        Ok((name.clone(), format!("{}:{port}", host.to_ascii_lowercase())))
    };
    database.endpoints.iter().map(place).collect()
}

/// Makes tokens.
struct Tokens {
    credentials: Credentials,
    signer: Signer,
    /// `host:port`
    places: BTreeMap<EndpointName, String>,
    clock: Arc<dyn Clock>,
}

impl ConnectTokens for Tokens {
    fn token<'a>(&'a self, username: &'a str) -> BoxFuture<'a, Result<Made, EngineError>> {
        Box::pin(async move {
            let keys = self.credentials.keys().await?;
            let now = self.clock.now();
            let tokens = self.signer.tokens(&keys, self.places.values().map(String::as_str), username, now);
            let password = tokens.first().cloned().unwrap_or_default();
            let place = |(name, token): (&EndpointName, Secret)| {
                (name.clone(), Place { password: Some(token), ..Place::default() })
            };
            let places = self.places.keys().zip(tokens).map(place).collect();
            Ok(Made {
                credential: Credential { username: username.to_owned(), password, places },
                id: None,
                lifetime: Some(lifetime(now, keys.expires_at)),
            })
        })
    }
}

/// How long a token that is signed at `now` is good, with credentials that end at `expires_at`.
fn lifetime(now: Timestamp, expires_at: Option<Timestamp>) -> Duration {
    // It is signed at the full second before, as it says only that.
    let begun = Duration::from_nanos(now.timestamp_subsec_nanos().into());
    let left = expires_at.map(|end| (end - now).to_std().unwrap_or_default());
    let full = token::LIFETIME - begun;
    left.map_or(full, |left| left.min(full))
}

impl Tokens {
    /// A fresh token for each connection to this endpoint as this user.
    fn as_password(self: &Arc<Self>, endpoint: &EndpointName, username: &str) -> Arc<dyn PasswordSource> {
        Arc::new(TokenPassword {
            tokens: Arc::clone(self),
            endpoint: endpoint.clone(),
            username: username.to_owned(),
        })
    }
}

/// A token as the password of the broker's own connections.
struct TokenPassword {
    tokens: Arc<Tokens>,
    endpoint: EndpointName,
    username: String,
}

impl PasswordSource for TokenPassword {
    fn is_token(&self) -> bool {
        true
    }

    fn password(&self) -> BoxFuture<'_, Result<Secret, EngineError>> {
        Box::pin(async move {
            let mut credential = self.tokens.token(&self.username).await?.credential;
            let place = credential.places.remove(&self.endpoint);
            Ok(place.and_then(|place| place.password).unwrap_or(credential.password))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_no_longer_than_its_signature_and_its_credentials() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-01-02T03:04:05.25Z");
        for (end, expected) in [
            (None, 899_750),
            (Some("2026-01-02T04:00:00Z"), 899_750),
            (Some("2026-01-02T03:05:05Z"), 59_750),
            (Some("2026-01-02T03:00:00Z"), 0),
        ] {
            assert_eq!(lifetime(now, end.map(at)), Duration::from_millis(expected), "{end:?}");
        }
    }
}
