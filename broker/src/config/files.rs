//! The files that the configuration refers to.

use std::path::{Path, PathBuf};

use crate::config::{Ca, Cache, Config, Issuer, JwksSource, SecretRef};

impl Config {
    /// Every file that the configuration refers to, secrets included.
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
        self.files = files;
    }

    fn file_references(&mut self) -> Vec<&mut PathBuf> {
        let mut files = Vec::new();
        if let Some(tls) = &mut self.server.tls {
            files.extend([&mut tls.cert, &mut tls.key]);
            files.extend(&mut tls.client_ca);
        }
        files.extend(secret(&mut self.ledger.url));
        files.extend(self.ledger.owner_url.as_mut().and_then(secret));
        files.extend(&mut self.ledger.ca);
        if let Cache::Redis(redis) = &mut self.cache {
            files.extend(secret(&mut redis.url));
            files.extend(&mut redis.ca);
        }
        files.extend(self.seal.keys.iter_mut().filter_map(|key| secret(&mut key.key)));
        files.extend(secret(&mut self.audit.key));
        for issuer in self.issuers.values_mut() {
            if let Issuer::Oidc(oidc) = issuer {
                files.extend(&mut oidc.ca);
                if let JwksSource::File(file) = &mut oidc.jwks {
                    files.push(file);
                }
            }
        }
        for database in self.databases.values_mut() {
            files.extend(authority(&mut database.tls.ca));
            files.extend(secret(&mut database.admin.password));
            let tls = database.endpoints.values_mut().filter_map(|endpoint| endpoint.tls.as_mut());
            files.extend(tls.filter_map(|tls| tls.ca.as_mut().and_then(authority)));
        }
        files
    }
}

fn secret(reference: &mut SecretRef) -> Option<&mut PathBuf> {
    match reference {
        SecretRef::File(file) => Some(file),
        SecretRef::Env(_) => None,
    }
}

fn authority(ca: &mut Ca) -> Option<&mut PathBuf> {
    match ca {
        Ca::File(file) => Some(file),
        Ca::System => None,
    }
}
