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

#[cfg(test)]
mod tests {
    use devstack::{Ca, IssuedFiles};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, ProtocolVersion, ServerConnection, version};

    use super::*;
    use crate::tls::client_config;

    struct Pki {
        folder: tempfile::TempDir,
        ca: Ca,
    }

    impl Pki {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap(), ca: Ca::generate().unwrap() }
        }

        fn path(&self) -> std::path::PathBuf {
            self.ca.write_to(self.folder.path()).unwrap()
        }

        fn issue(&self) -> IssuedFiles {
            self.ca.issue_to(self.folder.path(), &["broker.example"]).unwrap()
        }

        fn server(&self, client_ca: Option<&Path>) -> ServerConfig {
            let files = self.issue();
            server_config(&files.certificate, &files.key, client_ca).unwrap()
        }
    }

    /// Shakes hands in memory.
    fn connect(
        client: ClientConfig,
        server: ServerConfig,
        name: &'static str,
    ) -> Result<(ClientConnection, ServerConnection), rustls::Error> {
        let name = ServerName::try_from(name).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name)?;
        let mut server = ServerConnection::new(Arc::new(server))?;
        while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok((client, server))
    }

    #[test]
    fn http_2_is_chosen_and_tls_1_3_where_the_client_can() {
        let pki = Pki::new();
        let mut client = client_config(Some(&pki.path())).unwrap();
        client.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
        let (_, server) = connect(client, pki.server(None), "broker.example").unwrap();
        assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));

        let roots = roots_of_file(&pki.path()).unwrap();
        let old = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (_, server) = connect(old, pki.server(None), "broker.example").unwrap();
        assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    }

    #[test]
    fn a_client_refuses_another_name_and_another_ca() {
        let (pki, other) = (Pki::new(), Pki::new());
        let client = client_config(Some(&pki.path())).unwrap();
        assert!(connect(client.clone(), pki.server(None), "broker.example").is_ok());
        assert!(connect(client.clone(), pki.server(None), "other.example").is_err());
        assert!(connect(client, other.server(None), "broker.example").is_err());
    }

    #[test]
    fn a_client_may_come_without_a_certificate_but_not_with_a_foreign_one() {
        let (pki, other) = (Pki::new(), Pki::new());
        let with_certificate = |from: &Pki| {
            let files = from.issue();
            ClientConfig::builder_with_provider(provider())
                .with_protocol_versions(VERSIONS)
                .unwrap()
                .with_root_certificates(roots_of_file(&pki.path()).unwrap())
                .with_client_auth_cert(
                    read_pem_certificates(&files.certificate).unwrap(),
                    read_pem_key(&files.key).unwrap(),
                )
                .unwrap()
        };
        let server = || pki.server(Some(&pki.path()));
        let (_, known) = connect(with_certificate(&pki), server(), "broker.example").unwrap();
        assert!(known.peer_certificates().is_some());
        let plain = client_config(Some(&pki.path())).unwrap();
        let (_, unknown) = connect(plain, server(), "broker.example").unwrap();
        assert!(unknown.peer_certificates().is_none());
        assert!(connect(with_certificate(&other), server(), "broker.example").is_err());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (pki, other) = (Pki::new(), Pki::new());
        let (files, foreign) = (pki.issue(), other.issue());
        let error = server_config(&files.certificate, &foreign.key, None).unwrap_err();
        assert!(matches!(error, TlsError::UnusableCertificate { .. }), "{error:?}");
        let error = server_config(&files.certificate, &files.certificate, None).unwrap_err();
        assert!(matches!(error, TlsError::NoKey { .. }), "{error:?}");
    }
}
