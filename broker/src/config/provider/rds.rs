use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;
use url::{Host, Url};

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::{Section, path_segment};
use crate::config::{Ca, CredentialSpec, Database, DynamicUser, Role, SecretRef, Span, check};
use crate::model::Protocol;

/// A database at Amazon RDS or Aurora. Users that log in with tokens are made there: members of `rds_iam` at Postgres, at MySQL `IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rds {
    /// What it speaks: `postgres`, or `mysql` (RDS for MySQL and for MariaDB, Aurora MySQL).
    pub protocol: Protocol,
    /// The region that it is in: `eu-central-1`.
    pub region: String,
    /// The AWS credentials that sign its tokens. Default: none, and no tokens can be made.
    #[serde(default)]
    pub credentials: Option<RdsCredentials>,
}

/// Where the AWS credentials come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RdsCredentials {
    /// Keys of a user that do not change. Temporary ones belong into a file that is kept up to date.
    Static {
        /// The identifier of the key: `AKIA…`.
        access_key_id: String,
        /// The key.
        secret_access_key: SecretRef,
    },
    /// A credentials file as the AWS tools write it, read again when it changes. Others must not be able to read it.
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
    /// The role of the machine that the broker runs on (IMDSv2): a few calls in the life of its credentials.
    InstanceRole {
        /// Where the metadata service is, on the link or the machine itself. Default: `http://169.254.169.254`.
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
                if !(role_arn.starts_with("arn:") && role_arn.contains(":role/")) {
                    let message = format!("{role_arn:?} is not the ARN of a role: arn:aws:iam::…:role/…");
                    mistakes.add(key.at("role_arn"), message);
                }
                if let Some(url) = sts_url {
                    check::web_address(url, &key.at("sts_url"), mistakes);
                }
                if let Ca::File(file) = ca {
                    check::authorities(file, &key.at("ca"), mistakes);
                }
            }
            RdsCredentials::InstanceRole { url } => {
                if let Some(url) = url.as_ref().filter(|url| !is_near(url)) {
                    let message = format!(
                        "{url:?} is not http on a link-local or loopback address: without TLS anyone on a longer way \
                         could read the credentials"
                    );
                    mistakes.add(key.at("instance_role").at("url"), message);
                }
            }
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

    fn files_of_the_engine(&self) -> Vec<PathBuf> {
        match &self.credentials {
            Some(RdsCredentials::File { path, .. }) => vec![path.clone()],
            Some(RdsCredentials::WebIdentity { token_file, .. }) => vec![token_file.clone()],
            Some(RdsCredentials::Static { .. } | RdsCredentials::InstanceRole { .. }) | None => Vec::new(),
        }
    }
}

impl Rds {
    /// What a role at such a database must not say, or lacks.
    pub(in crate::config) fn check_role(
        &self,
        role: &Role,
        database: &Database,
        key: &Key,
        mistakes: &mut Mistakes,
    ) {
        let name = &role.database;
        match &role.credential {
            CredentialSpec::ConnectToken(token) => {
                if self.credentials.is_none() {
                    let message = format!("nothing signs tokens: give `databases.{name}.rds.credentials`");
                    mistakes.add(key.at("credential").at("kind"), message);
                }
                for (key, span) in [(key.at("ttl"), Some(role.ttl)), (key.at("max_ttl"), role.max_ttl)] {
                    if let Some(span) = span.filter(|span| *span > LONGEST_TOKEN) {
                        let message = format!(
                            "{span} is more than the {LONGEST_TOKEN} for which a token of RDS can start sessions"
                        );
                        mistakes.add(key, message);
                    }
                }
                if self.protocol == Protocol::Mysql {
                    check_length(&token.username, key, mistakes);
                } else if !role.parameters.is_empty() {
                    let message =
                        "nothing sets them for a user that was there before: ALTER ROLE … SET … once for all";
                    mistakes.add(key.at("parameters"), message);
                }
            }
            CredentialSpec::DynamicUser(_) | CredentialSpec::RotatedPassword(_)
                if database.admin.is_none() =>
            {
                let message =
                    format!("this is done by the broker's own user there: give `databases.{name}.admin`");
                mistakes.add(key.at("credential").at("kind"), message);
            }
            CredentialSpec::DynamicUser(user) => self.check_user(user, &key.at("credential"), mistakes),
            CredentialSpec::RotatedPassword(_) => {}
        }
    }

    /// Which keys mean something is decided by what the server speaks.
    fn check_user(&self, user: &DynamicUser, key: &Key, mistakes: &mut Mistakes) {
        match self.protocol {
            Protocol::Postgres if !user.privileges.is_empty() => {
                let message = "Postgres has them from its roles: use `member_of`";
                mistakes.add(key.at("privileges"), message);
            }
            Protocol::Postgres => {}
            Protocol::Mysql => {
                for (name, said) in
                    [("set_role", user.set_role.is_some()), ("databases", !user.databases.is_empty())]
                {
                    if said {
                        mistakes.add(key.at(name), "MySQL has no such thing: remove it");
                    }
                }
            }
        }
    }
}

fn check_length(username: &str, key: &Key, mistakes: &mut Mistakes) {
    let length = username.chars().count();
    if length > LONGEST_USER {
        let message = format!("{length} characters are more than the {LONGEST_USER} of a user of MySQL");
        mistakes.add(key.at("credential").at("username"), message);
    }
}

/// Whether nobody but this machine and its host can be on the way.
fn is_near(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
        Some(Host::Domain(_)) | None => None,
    };
    let near = match address {
        Some(IpAddr::V4(address)) => address.is_link_local(),
        // Where the service is on IPv6, too (Amazon EC2 user guide, "Instance metadata").
        Some(IpAddr::V6(address)) => address.is_unicast_link_local() || address == METADATA_V6,
        None => false,
    };
    url.scheme() == "http" && (near || check::is_loopback(&url))
}

const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Amazon RDS user guide, "IAM database authentication": a token has a lifetime of 15 minutes.
const LONGEST_TOKEN: Span = Span::secs(900);

/// In characters (MySQL reference manual, "User names").
const LONGEST_USER: usize = 32;

fn default_profile() -> String {
    "default".to_owned()
}
