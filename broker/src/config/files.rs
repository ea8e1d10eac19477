//! The files that the configuration refers to.

use std::path::{Path, PathBuf};

use crate::config::{Cache, Config, CredentialSpec, Database, Issuer, SecretRef};

impl Config {
    /// Every file that the configuration refers to, secrets included; not those that engines and issuers read again by themselves.
    pub fn files(&self) -> Vec<PathBuf> {
        self.files.clone()
    }

    /// Makes relative paths start from `folder`.
    pub(super) fn resolve_files(&mut self, folder: &Path) {
        let mut files = Vec::new();
        for file in self.file_references() {
            *file = folder.join(&file);
            files.push(file.clone());
        }
        let engines = self.databases.values().flat_map(Database::files_of_the_engine);
        let own: Vec<_> = engines.chain(self.issuers.values().flat_map(Issuer::own_files)).collect();
        self.files = files.into_iter().filter(|file| !own.contains(file)).collect();
    }

    fn file_references(&mut self) -> Vec<&mut PathBuf> {
        let mut files = Vec::new();
        if let Some(tls) = &mut self.server.tls {
            files.extend([&mut tls.cert, &mut tls.key]);
        }
        files.extend(self.ledger.url.file_mut());
        files.extend(self.ledger.owner_url.as_mut().and_then(SecretRef::file_mut));
        files.extend(&mut self.ledger.ca);
        if let Cache::Redis(redis) = &mut self.cache {
            files.extend(redis.url.file_mut());
            files.extend(&mut redis.ca);
        }
        files.extend(self.seal.keys.iter_mut().filter_map(|key| key.key.file_mut()));
        files.extend(self.audit.key.file_mut());
        for issuer in self.issuers.values_mut() {
            files.extend(issuer.file_references());
        }
        files.extend(self.databases.values_mut().flat_map(Database::file_references));
        for role in self.roles.values_mut() {
            if let CredentialSpec::RotatedPassword(pair) = &mut role.credential {
                files.extend(pair.adopt.as_mut().and_then(|adopt| adopt.password.file_mut()));
            }
        }
        files
    }
}
