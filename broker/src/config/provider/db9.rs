use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::{Section, path_segment};
use crate::config::{Api, SecretRef, check};

/// A database at DB9.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Db9 {
    /// The database, by its identifier: the tenant.
    pub database: String,
    /// The API token that the broker proves itself with. One that is scoped to a database cannot make connect tokens.
    pub api_token: SecretRef,
    /// Whether `admin`, who may do everything, may be used: for tokens, and as one of two users whose passwords are rotated. Default: `false`.
    #[serde(default)]
    pub allow_admin: bool,
    /// How the API is reached. Default: as DB9 says.
    #[serde(default)]
    pub api: Api,
}

impl Section for Db9 {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        path_segment(&self.database, key.at("database"), mistakes);
        check::secret(&self.api_token, &key.at("api_token"), mistakes);
        self.api.check(&key.at("api"), mistakes);
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        [self.api_token.file_mut(), self.api.ca.file_mut()].into_iter().flatten().collect()
    }
}
