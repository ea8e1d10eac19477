//! Whom the broker logs in as, and where.

use std::sync::Arc;

use futures_util::future::{self, BoxFuture};

use crate::config::Database;
use crate::engine::{BuildError, EngineError};
use crate::model::EndpointName;
use crate::secret::Secret;

/// Whom the broker logs in as, and where.
pub(in crate::engine) struct Login {
    /// The endpoint whose TLS it is.
    pub(in crate::engine) endpoint: EndpointName,
    /// As the server's certificate names it.
    pub(in crate::engine) host: String,
    pub(in crate::engine) port: u16,
    pub(in crate::engine) username: String,
    pub(in crate::engine) password: Arc<dyn PasswordSource>,
}

/// Where a password comes from. It is asked for each new connection.
pub(in crate::engine) trait PasswordSource: Send + Sync {
    fn password(&self) -> BoxFuture<'_, Result<Secret, EngineError>>;

    /// Those to be tried next where the server has refused one.
    fn others<'a>(&'a self, _refused: &'a Secret) -> BoxFuture<'a, Vec<Secret>> {
        Box::pin(future::ready(Vec::new()))
    }

    /// Whether it is a token that the server is shown as it is, and not a password that is proved to it.
    fn is_token(&self) -> bool {
        false
    }

    /// One of those was right.
    fn was_right(&self, _password: &Secret) {}
}

/// A password that does not change.
impl PasswordSource for Secret {
    fn password(&self) -> BoxFuture<'_, Result<Secret, EngineError>> {
        Box::pin(future::ready(Ok(self.clone())))
    }
}

impl Login {
    /// Where the configuration says that the endpoint is.
    pub(in crate::engine) fn of(
        database: &Database,
        endpoint: &EndpointName,
        username: &str,
        password: Arc<dyn PasswordSource>,
    ) -> Result<Self, BuildError> {
        let at = database
            .endpoints
            .get(endpoint)
            .ok_or_else(|| BuildError::NoEndpoint { endpoint: endpoint.to_string() })?;
        let host = at.host.clone().ok_or_else(|| BuildError::NoHost { endpoint: endpoint.to_string() })?;
        let port = at.port.unwrap_or(database.protocol().port());
        Ok(Self { endpoint: endpoint.clone(), host, port, username: username.to_owned(), password })
    }
}
