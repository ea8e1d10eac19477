//! The public listener's side of TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use crate::tls::{TlsError, VERSIONS, provider, read_pem_certificates, read_pem_key};

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificate {
    /// They are not.
    Ignored,
    /// They are, and may come without one. One that is shown is **not verified** in the handshake: that proves only that
    /// the client has its key. Whoever makes something of it verifies it, for each request.
    AskedFor,
}

/// How the broker is connected to: HTTP/2 or HTTP/1.1 over TLS 1.3 or 1.2.
///
/// `cert` is the certificate with its chain, `key` its private key, both PEM. There is no early data: what
/// could be replayed is not taken.
///
/// # Errors
///
/// If a file cannot be read or used, or the key does not belong to the certificate.
pub fn server_config(cert: &Path, key: &Path, client: ClientCertificate) -> Result<ServerConfig, TlsError> {
    let chain = read_pem_certificates(cert)?;
    let private_key = read_pem_key(key)?;
    let verifier: Arc<dyn ClientCertVerifier> = match client {
        ClientCertificate::Ignored => WebPkiClientVerifier::no_client_auth(),
        ClientCertificate::AskedFor => Arc::new(KeyOwner(provider())),
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(VERSIONS)
        .map_err(TlsError::Settings)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private_key)
        .map_err(|source| TlsError::UnusableCertificate {
            certificate: cert.to_owned(),
            key: key.to_owned(),
            source,
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies that a client has the key of the certificate that it shows, and nothing else.
///
/// Whether the certificate is to be believed depends on the trust domain that it names and on the time of each request. A
/// refusal here would be one that the client cannot read and the audit never sees.
#[derive(Debug)]
struct KeyOwner(Arc<CryptoProvider>);

impl ClientCertVerifier for KeyOwner {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: authorities change while connections are made, and clients that find theirs missing would show nothing.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use devstack::{Ca, IssuedFiles};
    use rustls::pki_types::ServerName;
    use rustls::{ClientConfig, ClientConnection, ProtocolVersion, ServerConnection, version};

    use super::ClientCertificate::{AskedFor, Ignored};
    use super::*;
    use crate::tls::{client_config, roots_of_file};

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

        fn server(&self, client: ClientCertificate) -> ServerConfig {
            let files = self.issue();
            server_config(&files.certificate, &files.key, client).unwrap()
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
        let (_, server) = connect(client, pki.server(Ignored), "broker.example").unwrap();
        assert_eq!(server.alpn_protocol(), Some(b"h2".as_slice()));
        assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_3));

        let roots = roots_of_file(&pki.path()).unwrap();
        let old = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (_, server) = connect(old, pki.server(Ignored), "broker.example").unwrap();
        assert_eq!(server.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    }

    #[test]
    fn a_client_refuses_another_name_and_another_ca() {
        let (pki, other) = (Pki::new(), Pki::new());
        let client = client_config(Some(&pki.path())).unwrap();
        assert!(connect(client.clone(), pki.server(Ignored), "broker.example").is_ok());
        assert!(connect(client.clone(), pki.server(Ignored), "other.example").is_err());
        assert!(connect(client, other.server(Ignored), "broker.example").is_err());
    }

    /// A client with this certificate, and with this key.
    fn client_with(pki: &Pki, certificate: &IssuedFiles, key: &IssuedFiles) -> ClientConfig {
        let key = provider().key_provider.load_private_key(read_pem_key(&key.key).unwrap()).unwrap();
        let chain = read_pem_certificates(&certificate.certificate).unwrap();
        let certified = rustls::sign::CertifiedKey::new(chain, key);
        ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(VERSIONS)
            .unwrap()
            .with_root_certificates(roots_of_file(&pki.path()).unwrap())
            .with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
    }

    #[test]
    fn a_client_is_asked_for_a_certificate_and_may_come_without_one() {
        let (pki, other) = (Pki::new(), Pki::new());
        let files = other.issue();
        let with = || client_with(&pki, &files, &files);
        let (_, shown) = connect(with(), pki.server(AskedFor), "broker.example").unwrap();
        assert_eq!(shown.peer_certificates().map(<[_]>::len), Some(1), "whose it is, is asked later");
        let plain = client_config(Some(&pki.path())).unwrap();
        let (_, none) = connect(plain, pki.server(AskedFor), "broker.example").unwrap();
        assert!(none.peer_certificates().is_none());
        let (_, ignored) = connect(with(), pki.server(Ignored), "broker.example").unwrap();
        assert!(ignored.peer_certificates().is_none());
    }

    #[test]
    fn a_certificate_without_its_key_ends_the_handshake() {
        let (pki, other) = (Pki::new(), Pki::new());
        let (stolen, own) = (pki.issue(), other.issue());
        let error = connect(client_with(&pki, &stolen, &own), pki.server(AskedFor), "broker.example");
        assert_eq!(
            error.unwrap_err(),
            rustls::Error::InvalidCertificate(rustls::CertificateError::BadSignature)
        );
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (pki, other) = (Pki::new(), Pki::new());
        let (files, foreign) = (pki.issue(), other.issue());
        let error = server_config(&files.certificate, &foreign.key, Ignored).unwrap_err();
        assert!(matches!(error, TlsError::UnusableCertificate { .. }), "{error:?}");
        let error = server_config(&files.certificate, &files.certificate, Ignored).unwrap_err();
        assert!(matches!(error, TlsError::NoKey { .. }), "{error:?}");
    }
}
