//! What is particular to the databases of one provider.

mod db9;
mod neon;
mod planetscale;
mod rds;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use db9::Db9;
pub use neon::Neon;
pub use planetscale::{PlanetScale, ServiceToken};
pub use rds::{Rds, RdsCredentials};

use crate::config::mistake::{Key, Mistakes};
use crate::config::{Ca, check};

/// What is particular to the databases of one provider.
pub(super) trait Section {
    fn check(&self, key: &Key, mistakes: &mut Mistakes);

    /// The files that it names, secrets included.
    fn files_mut(&mut self) -> Vec<&mut PathBuf>;

    /// Those of its files that the engine itself reads again: when one changes, nothing has to be loaded.
    fn files_of_the_engine(&self) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// How a provider's API is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where it is. Default: where the provider says.
    #[serde(default)]
    pub url: Option<String>,
    /// Who must have signed its certificate: `system` or `{file: …}`. Default: `system`.
    #[serde(default)]
    pub ca: Ca,
    /// How many requests a minute the broker makes at most. Default: what the provider allows.
    #[serde(default)]
    pub requests_per_minute: Option<u32>,
}

impl Api {
    fn check(&self, key: &Key, mistakes: &mut Mistakes) {
        if let Some(url) = &self.url {
            check::web_address(url, &key.at("url"), mistakes);
        }
        if let Ca::File(file) = &self.ca {
            check::authorities(file, &key.at("ca"), mistakes);
        }
        if self.requests_per_minute == Some(0) {
            mistakes.add(key.at("requests_per_minute"), "0 would let nothing through: at least 1");
        }
    }
}

/// A name or identifier as it stands in the path of a URL.
fn path_segment(text: &str, key: Key, mistakes: &mut Mistakes) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if text.is_empty() || matches!(text, "." | "..") || !text.bytes().all(plain) {
        mistakes.add(key, format!("{text:?} is not a name: use a-z, 0-9, '-', '_' and '.'"));
    }
}
