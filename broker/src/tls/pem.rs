//! Certificates and keys from PEM files (RFC 7468).

use std::fs;
use std::path::Path;

use rustls_pki_types::pem::{Error as PemError, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::tls::TlsError;

/// The certificates of a PEM file, in its order; other blocks are passed over.
///
/// # Errors
///
/// If the file cannot be read, is not PEM, or has no certificate.
pub fn read_pem_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::NotPem { path: path.to_owned(), source })?;
    if certificates.is_empty() {
        Err(TlsError::NoCertificate { path: path.to_owned() })
    } else {
        Ok(certificates)
    }
}

/// When the first certificate of a PEM file ends, in seconds since 1970; `None` if that cannot be told.
pub fn ends_at(path: &Path) -> Option<i64> {
    let chain = read_pem_certificates(path).ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(chain.first()?).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
///
/// # Errors
///
/// If the file cannot be read, is not PEM, or has no key.
pub fn read_pem_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| match source {
        PemError::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        source => TlsError::NotPem { path: path.to_owned(), source },
    })
}

/// The file's bytes, wiped after use: there may be a key in them.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
