use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::mistake::{Key, Mistakes};
use crate::config::provider::Section;
use crate::config::{Api, SecretRef, check};

/// A branch of a project at Neon.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Neon {
    /// The project, by its identifier or its name.
    pub project: String,
    /// The branch, by its identifier or its name. Default: the project's default branch.
    #[serde(default)]
    pub branch: Option<String>,
    /// The key that the broker proves itself with to the API.
    pub api_key: SecretRef,
    /// How the API is reached. Default: as Neon says.
    #[serde(default)]
    pub api: Api,
}

impl Section for Neon {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        check::not_blank(&self.project, key.at("project"), mistakes);
        if let Some(branch) = &self.branch {
            check::not_blank(branch, key.at("branch"), mistakes);
        }
        check::secret(&self.api_key, &key.at("api_key"), mistakes);
        self.api.check(&key.at("api"), mistakes);
    }

    fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        [self.api_key.file_mut(), self.api.ca.file_mut()].into_iter().flatten().collect()
    }
}
