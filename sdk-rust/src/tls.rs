use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// Trusts this CA alone, or else the system's roots.
pub(crate) fn config(ca_pem: Option<&str>) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| unreadable(&error))?;
                roots.add(certificate).map_err(|error| unreadable(&error))?;
            }
            if roots.is_empty() {
                return Err(Error::Setup("the broker's CA has no certificate in it".to_owned()));
            }
        }
        // Some of a system's roots are always beyond this library; others may do.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreadable(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn unreadable(error: &dyn std::error::Error) -> Error {
    Error::Setup(format!("the broker's CA cannot be used: {error}"))
}
