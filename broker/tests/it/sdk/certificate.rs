//! Who asks with a certificate, at a server that demands one and says which came.

use std::sync::Arc;

use devstack::{Ca, Issued};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;

#[test]
fn a_certificate_that_is_renewed_is_used_as_soon_as_its_key_is_there() {
    run(async {
        let (ca, folder) = (Ca::generate().unwrap(), tempfile::tempdir().unwrap());
        let url = serve(&ca, &ca).await;
        let [first, second, third] = [1, 2, 3].map(|_| ca.issue(&["spiffe://example.org/orders"]).unwrap());
        first.write_to(folder.path()).unwrap();
        let (certificate, key) = (folder.path().join("server.crt"), folder.path().join("server.key"));
        let builder = Broker::builder(url).ca_pem(ca.pem()).client_certificate(&certificate, &key);
        let broker = builder.build().unwrap();
        assert_eq!(came(&broker).await, der(&first));

        std::fs::write(&certificate, &second.certificate_pem).unwrap();
        assert_eq!(came(&broker).await, der(&first), "with a key that is another's it is not used");
        std::fs::write(&key, &second.key_pem).unwrap();
        assert_eq!(came(&broker).await, der(&second), "on a new connection, though there is an open one");

        std::fs::remove_file(&key).unwrap();
        std::fs::write(&certificate, "half of a").unwrap();
        assert_eq!(came(&broker).await, der(&second), "what cannot be used is not");
        third.write_to(folder.path()).unwrap();
        assert_eq!(came(&broker).await, der(&third));
    });
}

#[test]
fn what_is_wrong_with_a_certificate_is_said_without_its_key() {
    run(async {
        let (ca, other) = (Ca::generate().unwrap(), Ca::generate().unwrap());
        let url = serve(&ca, &ca).await;
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("server.crt"), folder.path().join("server.key"));
        let build = || Broker::builder(&url).ca_pem(ca.pem()).client_certificate(&certificate, &key).build();
        let missing = build().unwrap_err().to_string();
        assert!(missing.contains("server.crt"), "{missing}");
        other.issue(&["localhost"]).unwrap().write_to(folder.path()).unwrap();
        let issued = ca.issue(&["localhost"]).unwrap();
        std::fs::write(&certificate, &issued.certificate_pem).unwrap();
        let torn = build().unwrap_err().to_string();
        assert!(torn.contains("certificate cannot be used") && torn.contains("KeyMismatch"), "{torn}");
        std::fs::write(&certificate, &issued.key_pem).unwrap();
        let empty = build().unwrap_err().to_string();
        assert!(empty.contains("no certificate") && !empty.contains("PRIVATE"), "{empty}");

        other.issue(&["localhost"]).unwrap().write_to(folder.path()).unwrap();
        let broker = build().unwrap();
        assert!(format!("{broker:?}").contains("server.crt"), "{broker:?}");
        let refused = broker.whoami().await.unwrap_err();
        assert!(matches!(refused, Error::Unreachable(_)), "nobody knows who signed it: {refused}");
        std::fs::remove_file(&key).unwrap();
        let refused = broker.whoami().await.unwrap_err();
        assert!(refused.is_transient() && refused.to_string().contains("server.key"), "{refused}");

        let plain = Broker::builder("http://localhost:1").client_certificate(&certificate, &key);
        let error = plain.build().unwrap_err().to_string();
        assert!(error.contains("https"), "{error}");
    });
}

#[test]
fn a_ca_of_the_broker_that_is_renewed_in_its_file_is_trusted_instead() {
    run(async {
        let (old, new, clients) = (Ca::generate().unwrap(), Ca::generate().unwrap(), Ca::generate().unwrap());
        let (before, after) = (serve(&old, &clients).await, serve(&new, &clients).await);
        let folder = tempfile::tempdir().unwrap();
        let issued = clients.issue_to(folder.path(), &["localhost"]).unwrap();
        let file = old.write_to(folder.path()).unwrap();
        let [before, after] = [before, after].map(|url| {
            let builder = Broker::builder(url).ca_file(&file);
            builder.client_certificate(&issued.certificate, &issued.key).build().unwrap()
        });
        before.whoami().await.unwrap();
        after.whoami().await.unwrap_err();
        std::fs::write(&file, "none").unwrap();
        before.whoami().await.unwrap();
        new.write_to(folder.path()).unwrap();
        after.whoami().await.unwrap();
        before.whoami().await.expect_err("it is not trusted any more");
    });
}

/// The certificate that came.
async fn came(broker: &Broker) -> Vec<u8> {
    serde_json::from_value(broker.whoami().await.unwrap()).unwrap()
}

fn der(issued: &Issued) -> Vec<u8> {
    CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap().to_vec()
}

/// A server of this authority that lets in whom the other one vouches for; answers where.
async fn serve(ca: &Ca, clients: &Ca) -> String {
    let issued = ca.issue(&["localhost"]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap()).unwrap();
    let provider = dsn_broker::tls::provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap(),
        );
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(acceptor.clone(), connection));
        }
    });
    format!("https://localhost:{port}")
}

/// Says to each request on this connection which certificate came.
async fn answer(acceptor: TlsAcceptor, connection: TcpStream) -> std::io::Result<()> {
    let mut connection = BufReader::new(acceptor.accept(connection).await?);
    let certificates = connection.get_ref().get_ref().1.peer_certificates().unwrap();
    let body = serde_json::to_string(certificates[0].as_ref()).unwrap();
    let mut line = String::new();
    while connection.read_line(&mut line).await? > 0 {
        if line == "\r\n" {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).await?;
            connection.flush().await?;
        }
        line.clear();
    }
    Ok(())
}
