//! TLS, as client and as server: rustls with ring, TLS 1.3 and 1.2, nothing weaker.
//!
//! A client trusts either the operating system's roots or the certificates of one file, never both. Names are
//! always verified.

mod pem;
mod server;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::CertificateDer;

pub use pem::{ends_at, read_pem_certificates, read_pem_key};
pub use server::{ClientCertificate, server_config};

/// The versions that are spoken.
const VERSIONS: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{path} cannot be read", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path} is not valid PEM", path = .path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// A file has no certificate in it.
    #[error("{path} has no certificate: expected a block that begins with -----BEGIN CERTIFICATE-----", path = .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file has no private key in it.
    #[error("{path} has no private key: expected a block that begins with -----BEGIN PRIVATE KEY-----", path = .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// A certificate cannot be used as a trust anchor.
    #[error("{path} has a certificate that cannot be trusted as a CA", path = .path.display())]
    NotACa {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The operating system has no roots to trust.
    #[error("the system has no CA certificates: install its ca-certificates package, or name a CA file")]
    NoSystemRoots,
    /// A certificate and its key do not make a server.
    #[error("the certificate {certificate} cannot be used with the key {key}", certificate = .certificate.display(), key = .key.display())]
    UnusableCertificate {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Settings(#[source] rustls::Error),
}

/// The cryptography of TLS: ring. Also makes it the default of the process, for libraries that ask for one.
///
/// May be called any number of times, from any thread.
pub fn provider() -> Arc<CryptoProvider> {
    if CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster, with the same provider: there is no other.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    CryptoProvider::get_default()
        .map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone)
}

/// How the broker connects: `ca` is the PEM file with the only certificates to trust. Default: the system's roots.
///
/// ALPN is empty: whoever speaks HTTP/2 sets it.
///
/// # Errors
///
/// If the roots cannot be read, or there are none.
pub fn client_config(ca: Option<&Path>) -> Result<ClientConfig, TlsError> {
    let roots = match ca {
        Some(path) => roots_of_file(path)?,
        None => system_roots()?,
    };
    Ok(ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(TlsError::Settings)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in read_pem_certificates(path)? {
        roots.add(certificate).map_err(|source| TlsError::NotACa { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

/// One unreadable root of many is no reason to trust none: it is left out, and the log says so.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a CA certificate of the system was left out");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs.into_iter().map(CertificateDer::into_owned));
    if added == 0 { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn the_provider_is_installed_once_however_often_it_is_asked_for() {
        let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(provider)).collect();
        let providers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(providers.iter().all(|each| Arc::ptr_eq(each, CryptoProvider::get_default().unwrap())));
    }

    #[test]
    fn a_ca_file_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let missing = client_config(Some(&path)).unwrap_err();
        assert!(matches!(missing, TlsError::Unreadable { .. }), "{missing:?}");
        assert!(missing.to_string().contains("ca.pem") && missing.source().is_some());

        std::fs::write(&path, "hello\n").unwrap();
        let empty = client_config(Some(&path)).unwrap_err();
        assert!(matches!(empty, TlsError::NoCertificate { .. }), "{empty:?}");

        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
        let garbled = client_config(Some(&path)).unwrap_err();
        assert!(matches!(garbled, TlsError::NotPem { .. }), "{garbled:?}");

        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n").unwrap();
        let no_x509 = client_config(Some(&path)).unwrap_err();
        assert!(matches!(no_x509, TlsError::NotACa { .. }), "{no_x509:?}");
    }
}
