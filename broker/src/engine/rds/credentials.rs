//! The AWS credentials that sign: given, read from a file, or fetched from a service of AWS and kept.

mod fetched;
mod file;
mod instance_role;
mod service;
mod web_identity;

use std::sync::Arc;

use self::fetched::Fetched;
use self::file::CredentialsFile;
use self::instance_role::InstanceRole;
use self::web_identity::WebIdentity;
use crate::config::RdsCredentials;
use crate::engine::{BuildError, EngineError};
use crate::secret::Secret;
use crate::time::{Clock, Timestamp};

/// Credentials, as AWS gives them out.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: Secret,
    /// What comes with temporary ones.
    pub(super) session_token: Option<Secret>,
    /// When they end, if that is known. What they signed ends with them.
    pub(super) expires_at: Option<Timestamp>,
}

/// Where they come from.
pub(super) enum Credentials {
    Static(Arc<Keys>),
    File(CredentialsFile),
    Fetched(Arc<Fetched>),
}

impl Credentials {
    /// Reads the secret that it is given, and asks nobody yet.
    pub(super) fn new(
        config: &RdsCredentials,
        region: &str,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let fetched = |fetch| Self::Fetched(Arc::new(Fetched::new(fetch, Arc::clone(clock))));
        Ok(match config {
            RdsCredentials::Static { access_key_id, secret_access_key } => Self::Static(Arc::new(Keys {
                access_key_id: access_key_id.clone(),
                secret_access_key: secret_access_key.read()?,
                session_token: None,
                expires_at: None,
            })),
            RdsCredentials::File { path, profile } => Self::File(CredentialsFile::new(path, profile)),
            RdsCredentials::WebIdentity { role_arn, token_file, sts_url, ca } => {
                let sts_url = sts_url.as_deref();
                fetched(Box::new(WebIdentity::new(role_arn, token_file, sts_url, ca.file(), region)?))
            }
            RdsCredentials::InstanceRole { url } => fetched(Box::new(InstanceRole::new(url.as_deref())?)),
        })
    }

    /// The present ones.
    pub(super) async fn keys(&self) -> Result<Arc<Keys>, EngineError> {
        match self {
            Self::Static(keys) => Ok(Arc::clone(keys)),
            Self::File(file) => file.keys().map_err(EngineError::from),
            Self::Fetched(fetched) => fetched.keys().await.map_err(EngineError::from),
        }
    }
}

/// Why there are none. Its text is fit to be logged.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    /// Who has them does not answer, or not now.
    Unavailable(String),
    /// They are not given.
    Refused(String),
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(what) => Self::Unavailable { detail: format!("no AWS credentials: {what}") },
            Failure::Refused(what) => Self::Refused { detail: format!("no AWS credentials: {what}") },
        }
    }
}
