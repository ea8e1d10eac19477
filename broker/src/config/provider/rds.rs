use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::{Section, path_segment};
use crate::config::{Ca, SecretRef, check};
use crate::model::Protocol;

/// A database at Amazon RDS or Aurora.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rds {
    /// What it is: `postgres` or `mysql` (MariaDB and Aurora MySQL are `mysql`).
    pub protocol: Protocol,
    /// The region that it is in: `eu-central-1`.
    pub region: String,
    /// The AWS credentials that sign its tokens. Default: none, then it can make no connect tokens.
    #[serde(default)]
    pub credentials: Option<RdsCredentials>,
}

/// Where the AWS credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RdsCredentials {
    /// Keys that do not change.
    Static {
        /// The identifier of the key: `AKIA…`.
        access_key_id: String,
        /// The key.
        secret_access_key: SecretRef,
    },
    /// A credentials file as the AWS tools write it, read again when it changes.
    File {
        /// Where it is.
        path: PathBuf,
        /// The profile in it. Default: `default`.
        #[serde(default = "default_profile")]
        profile: String,
    },
    /// A role that is assumed with a token that Kubernetes projects (IRSA): one call an hour.
    WebIdentity {
        /// The role: `arn:aws:iam::…:role/…`.
        role_arn: String,
        /// The file with the token.
        token_file: PathBuf,
        /// Where the security token service is. Default: that of the region.
        #[serde(default)]
        sts_url: Option<String>,
        /// Who must have signed its certificate. Default: `system`.
        #[serde(default)]
        ca: Ca,
    },
    /// The role of the machine or container that the broker runs on (IMDSv2): one call an hour.
    InstanceRole {
        /// Where the metadata service is. Default: `http://169.254.169.254`.
        #[serde(default)]
        url: Option<String>,
    },
}

impl Section for Rds {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        path_segment(&self.region, key.at("region"), mistakes);
        let Some(credentials) = &self.credentials else { return };
        let key = key.at("credentials");
        match credentials {
            RdsCredentials::Static { access_key_id, secret_access_key } => {
                let key = key.at("static");
                check::not_blank(access_key_id, key.at("access_key_id"), mistakes);
                check::secret(secret_access_key, &key.at("secret_access_key"), mistakes);
            }
            RdsCredentials::File { profile, .. } => {
                check::not_blank(profile, key.at("file").at("profile"), mistakes);
            }
            RdsCredentials::WebIdentity { role_arn, sts_url, ca, .. } => {
                let key = key.at("web_identity");
                check::not_blank(role_arn, key.at("role_arn"), mistakes);
                if let Some(url) = sts_url {
                    check::web_address(url, &key.at("sts_url"), mistakes);
                }
                if let Ca::File(file) = ca {
                    check::authorities(file, &key.at("ca"), mistakes);
                }
            }
            RdsCredentials::InstanceRole { .. } => {}
        }
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        match &mut self.credentials {
            Some(RdsCredentials::Static { secret_access_key, .. }) => {
                secret_access_key.file_mut().into_iter().collect()
            }
            Some(RdsCredentials::File { path, .. }) => vec![path],
            Some(RdsCredentials::WebIdentity { token_file, ca, .. }) => {
                std::iter::once(token_file).chain(ca.file_mut()).collect()
            }
            Some(RdsCredentials::InstanceRole { .. }) | None => Vec::new(),
        }
    }
}

fn default_profile() -> String {
    "default".to_owned()
}
