//! The public listener's side of TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use crate::tls::{TlsError, VERSIONS, provider, read_pem_certificates, read_pem_key, roots_of_file};

/// How the broker is connected to: HTTP/2 or HTTP/1.1 over TLS 1.3 or 1.2.
///
/// `cert` is the certificate with its chain, `key` its private key, `client_ca` who must have signed the
/// certificates of clients, all PEM. A client may always come without a certificate (it then proves itself by a
/// token); one that shows a certificate of another CA is refused in the handshake.
///
/// # Errors
///
/// If a file cannot be read or used, or the key does not belong to the certificate.
pub fn server_config(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, TlsError> {
    let chain = read_pem_certificates(cert)?;
    let private_key = read_pem_key(key)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(TlsError::Settings)?
        .with_client_cert_verifier(client_verifier(client_ca)?)
        .with_single_cert(chain, private_key)
        .map_err(|source| TlsError::UnusableCertificate {
            certificate: cert.to_owned(),
            key: key.to_owned(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn client_verifier(ca: Option<&Path>) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let Some(path) = ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots_of_file(path)?), provider())
        .allow_unauthenticated()
        .build()
        .map_err(|source| TlsError::UnusableClientCa { path: path.to_owned(), source })
}
