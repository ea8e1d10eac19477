use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::{Section, path_segment};
use crate::config::{Api, SecretRef, check};

/// A branch of a database at PlanetScale.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanetScale {
    /// The organization.
    pub organization: String,
    /// The database, by its name there.
    pub database: String,
    /// The branch. Default: `main`.
    #[serde(default = "main")]
    pub branch: String,
    /// The token that the broker proves itself with. Default: none, then `oauth_token` is needed.
    #[serde(default)]
    pub service_token: Option<ServiceToken>,
    /// An OAuth access token instead. Default: none, then `service_token` is needed.
    #[serde(default)]
    pub oauth_token: Option<SecretRef>,
    /// Whether a role may be a member of `postgres`, the default role, which may do everything. Default: `false`.
    #[serde(default)]
    pub allow_default_role: bool,
    /// How the API is reached. Default: as PlanetScale says.
    #[serde(default)]
    pub api: Api,
}

/// A service token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceToken {
    /// Its identifier.
    pub id: String,
    /// Its secret, `pscale_tkn_…`.
    pub secret: SecretRef,
}

impl Section for PlanetScale {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        path_segment(&self.organization, key.at("organization"), mistakes);
        path_segment(&self.database, key.at("database"), mistakes);
        path_segment(&self.branch, key.at("branch"), mistakes);
        match (&self.service_token, &self.oauth_token) {
            (Some(_), Some(_)) => {
                let message = "there is a `service_token`, too: say one of the two";
                mistakes.add(key.at("oauth_token"), message);
            }
            (None, None) => {
                let message =
                    "the broker must prove itself: say `{id: …, secret: {file: …}}`, or an `oauth_token`";
                mistakes.add(key.at("service_token"), message);
            }
            (Some(token), None) => {
                check::not_blank(&token.id, key.at("service_token").at("id"), mistakes);
                check::secret(&token.secret, &key.at("service_token").at("secret"), mistakes);
            }
            (None, Some(token)) => drop(check::secret(token, &key.at("oauth_token"), mistakes)),
        }
        self.api.check(&key.at("api"), mistakes);
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        let service_token = self.service_token.as_mut().and_then(|token| token.secret.file_mut());
        let oauth_token = self.oauth_token.as_mut().and_then(SecretRef::file_mut);
        [service_token, oauth_token, self.api.ca.file_mut()].into_iter().flatten().collect()
    }
}

fn main() -> String {
    "main".to_owned()
}
