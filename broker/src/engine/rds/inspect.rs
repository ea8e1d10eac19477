//! What can be known of a database at RDS, with a user of the broker's own there or without.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::net::TcpStream;

use crate::config::{ConnectToken, CredentialSpec, Database};
use crate::engine::postgres::Login;
use crate::engine::rds::Tokens;
use crate::engine::rds::server::Server;
use crate::engine::{EngineError, Inspection, RoleInfo, ServerInfo, Tools};
use crate::model::{EndpointName, Protocol};

/// A database at RDS.
pub(super) struct Rds {
    database: Database,
    tools: Tools,
    /// With a user of the broker's own.
    users: Option<Server>,
    /// With AWS credentials.
    tokens: Option<Arc<Tokens>>,
}

impl Rds {
    pub(super) fn new(
        database: &Database,
        tools: &Tools,
        users: Option<Server>,
        tokens: Option<Arc<Tokens>>,
    ) -> Self {
        let mut database = database.clone();
        // One endpoint that hangs must leave time to tell of the others.
        database.timeout.0 = database.timeout.0 * 3 / 4;
        Self { database, tools: tools.clone(), users, tokens }
    }
}

impl Inspection for Rds {
    fn server(&self) -> BoxFuture<'_, Result<ServerInfo, EngineError>> {
        Box::pin(async move {
            let keys = match &self.tokens {
                Some(tokens) => Some(tokens.credentials.keys().await),
                None => None,
            };
            let (mut version, keys) = match &self.users {
                Some(users) => (users.inspection().server().await?.version, keys),
                None => {
                    let keys = keys.transpose()?;
                    self.reach().await?;
                    (
                        "a server at Amazon RDS, whose version is told to nobody without a login".to_owned(),
                        keys.map(Ok),
                    )
                }
            };
            match keys {
                Some(Ok(keys)) => {
                    version.push_str("; AWS credentials ");
                    version.push_str(&keys.access_key_id);
                    if let Some(end) = keys.expires_at {
                        version.push_str(&format!(", good until {}", end.to_rfc3339()));
                    }
                }
                // What else the database is for goes on without them.
                Some(Err(
                    EngineError::Unavailable { detail }
                    | EngineError::Refused { detail }
                    | EngineError::Busy { detail, .. },
                )) => version.push_str(&format!("; {detail}")),
                None => {}
            }
            Ok(ServerInfo { version })
        })
    }

    fn role<'a>(&'a self, spec: &'a CredentialSpec) -> BoxFuture<'a, Result<RoleInfo, EngineError>> {
        Box::pin(async move {
            match (spec, &self.users) {
                (CredentialSpec::DynamicUser(user), Some(users)) => {
                    let mut info = users.inspection().role(spec).await?;
                    info.mistakes.extend(users.barred(user).await?);
                    Ok(info)
                }
                (CredentialSpec::RotatedPassword(_), Some(users)) => users.inspection().role(spec).await,
                (CredentialSpec::ConnectToken(token), _) => self.token_role(token).await,
                (CredentialSpec::DynamicUser(_) | CredentialSpec::RotatedPassword(_), _) => {
                    Ok(RoleInfo::default())
                }
            }
        })
    }
}

impl Rds {
    /// Whether something listens at each endpoint. Who it is shows when a role logs in.
    async fn reach(&self) -> Result<(), EngineError> {
        for (name, endpoint) in &self.database.endpoints {
            let host = endpoint.host.as_deref().unwrap_or_default();
            let port = endpoint.port.unwrap_or(self.database.protocol().port());
            let unavailable =
                |why: String| EngineError::Unavailable { detail: format!("{name} at {host}:{port}: {why}") };
            match tokio::time::timeout(self.share(), TcpStream::connect((host, port))).await {
                Ok(connected) => drop(connected.map_err(|error| unavailable(error.to_string()))?),
                Err(_) => return Err(unavailable(format!("no connection within {:?}", self.share()))),
            }
        }
        Ok(())
    }

    /// What of the time for a call one endpoint may take.
    fn share(&self) -> Duration {
        let endpoints = u32::try_from(self.database.endpoints.len()).unwrap_or(u32::MAX).max(1);
        self.database.timeout.0 / (endpoints + 1)
    }

    /// Logs in through each endpoint, as a workload does, and looks around.
    async fn token_role(&self, spec: &ConnectToken) -> Result<RoleInfo, EngineError> {
        let Some(tokens) = &self.tokens else { return Ok(RoleInfo::default()) };
        let mut info = RoleInfo::default();
        if let Some(users) = &self.users {
            info.mistakes.extend(users.not_admitted(&spec.username).await?);
        }
        let logins =
            self.database.endpoints.keys().map(|endpoint| async move {
                (endpoint, self.log_in(tokens, endpoint, &spec.username).await)
            });
        for (endpoint, seen) in join_all(logins).await {
            match seen {
                Ok(seen) if info.can.is_empty() => (info.can, info.warnings) = (seen.can, seen.warnings),
                Ok(_) => {}
                Err(error) => info.mistakes.push(self.not_let_in(endpoint, &spec.username, &error)),
            }
        }
        Ok(info)
    }

    async fn log_in(
        &self,
        tokens: &Arc<Tokens>,
        endpoint: &EndpointName,
        username: &str,
    ) -> Result<RoleInfo, EngineError> {
        let unbuilt = |error: crate::engine::BuildError| EngineError::Refused { detail: error.to_string() };
        let password = tokens.as_password(endpoint, username);
        let login = Login::of(&self.database, endpoint, username, password).map_err(unbuilt)?;
        Server::new(&self.database, login, &self.tools).map_err(unbuilt)?.own(username).await
    }

    fn not_let_in(&self, endpoint: &EndpointName, username: &str, error: &EngineError) -> String {
        let said =
            format!("{username:?} cannot log in with a token through the endpoint `{endpoint}`: {error}");
        match error {
            EngineError::Refused { .. } if self.users.is_none() => format!(
                "{said}. The AWS credentials must be right and allow rds-db:connect for that user, and in the database \
                 it must be {}: what of it is missing cannot be told without `admin`",
                match self.database.protocol() {
                    Protocol::Postgres => "a member of rds_iam",
                    Protocol::Mysql => "identified with AWSAuthenticationPlugin",
                }
            ),
            EngineError::Refused { .. } => {
                format!("{said}. The AWS credentials must be right and allow rds-db:connect for that user")
            }
            _ => said,
        }
    }
}
