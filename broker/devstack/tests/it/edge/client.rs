//! A small client that says and sees what `psql` hides.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use devstack::{Ca, Edge};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(super) struct Client<S> {
    stream: S,
}

impl Client<TcpStream> {
    pub(super) async fn plain(edge: &Edge) -> Self {
        Self { stream: TcpStream::connect((edge.host(), edge.port())).await.unwrap() }
    }

    /// Sends a request for encryption and returns the answer.
    pub(super) async fn ask(&mut self, request: u16) -> u8 {
        self.packet(1234, request, &[]).await;
        timeout(PATIENCE, self.stream.read_u8()).await.unwrap().unwrap()
    }
}

impl Client<TlsStream<TcpStream>> {
    /// As clients always did: TLS after asking.
    pub(super) async fn tls(edge: &Edge, ca: &Ca) -> Self {
        let mut plain = Client::plain(edge).await;
        assert_eq!(plain.ask(5679).await, b'S');
        Self { stream: handshake(plain.stream, ca, &[]).await.unwrap() }
    }

    /// TLS from the first byte.
    pub(super) async fn direct(edge: &Edge, ca: &Ca, protocols: &[&str]) -> io::Result<Self> {
        let plain = Client::plain(edge).await;
        Ok(Self { stream: handshake(plain.stream, ca, protocols).await? })
    }

    /// A session that is ready, with the key that cancels its statements.
    pub(super) async fn ready(edge: &Edge, ca: &Ca) -> (Self, Vec<u8>) {
        let mut client = Self::tls(edge, ca).await;
        client.start(0, &[("user", "app.branch")]).await;
        let messages = client.until(b'Z').await;
        let key = messages.into_iter().find(|(tag, _)| *tag == b'K').unwrap().1;
        (client, key)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) async fn start(&mut self, minor: u16, parameters: &[(&str, &str)]) {
        let words: String = parameters.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
        self.packet(3, minor, format!("{words}\0").as_bytes()).await;
    }

    pub(super) async fn packet(&mut self, major: u16, minor: u16, body: &[u8]) {
        let length = u32::try_from(body.len() + 8).unwrap();
        let head = [&length.to_be_bytes()[..], &major.to_be_bytes(), &minor.to_be_bytes()].concat();
        self.stream.write_all(&[&head, body].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(super) async fn send(&mut self, tag: u8, body: &[u8]) {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        self.stream.write_all(&[&[tag], &length[..], body].concat()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(super) async fn query(&mut self, sql: &str) {
        self.send(b'Q', format!("{sql}\0").as_bytes()).await;
    }

    pub(super) async fn next(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let read = async {
            let tag = self.stream.read_u8().await?;
            let length = self.stream.read_u32().await?;
            let mut body = vec![0; length as usize - 4];
            self.stream.read_exact(&mut body).await?;
            Ok((tag, body))
        };
        timeout(PATIENCE, read).await.unwrap()
    }

    /// All messages up to this one.
    pub(super) async fn until(&mut self, last: u8) -> Vec<(u8, Vec<u8>)> {
        let mut messages = Vec::new();
        while messages.last().is_none_or(|(tag, _)| *tag != last) {
            messages.push(self.next().await.unwrap());
        }
        messages
    }

    /// The next message must be an error, but for what a login or an answer begins with: its severity, SQLSTATE and
    /// message.
    pub(super) async fn error(&mut self) -> [String; 3] {
        let (mut tag, mut body) = self.next().await.unwrap();
        while matches!(tag, b'R' | b'T') {
            (tag, body) = self.next().await.unwrap();
        }
        assert_eq!(char::from(tag), 'E');
        let fields: HashMap<u8, String> = body
            .split(|byte| *byte == 0)
            .filter_map(|field| Some((*field.first()?, String::from_utf8(field[1..].to_vec()).unwrap())))
            .collect();
        [b'V', b'C', b'M'].map(|kind| fields[&kind].clone())
    }

    /// The connection must be closed in order.
    pub(super) async fn closed(&mut self) {
        assert_eq!(timeout(PATIENCE, self.stream.read(&mut [0])).await.unwrap().unwrap(), 0);
    }

    /// The session must be over.
    pub(super) async fn ended(&mut self) {
        assert!(self.next().await.is_err());
    }
}

async fn handshake(socket: TcpStream, ca: &Ca, protocols: &[&str]) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("one.edge.test").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

const PATIENCE: Duration = Duration::from_secs(30);
