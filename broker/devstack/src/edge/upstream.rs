//! The way from the edge to the server behind it.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::wire::{Startup, Stream};

/// A server on this machine.
#[derive(Clone, Debug)]
pub struct Upstream(Way);

#[derive(Clone, Debug)]
enum Way {
    Plain { port: u16 },
    Verified { name: ServerName<'static>, port: u16, config: Arc<ClientConfig> },
    Socket { path: PathBuf },
}

/// A connection to it.
pub(super) struct Connected {
    pub(super) stream: Box<dyn Stream>,
    /// What it showed, if it speaks TLS.
    pub(super) certificate: Option<CertificateDer<'static>>,
}

impl Upstream {
    /// Over TCP on loopback, without TLS.
    pub fn plain(port: u16) -> Self {
        Self(Way::Plain { port })
    }

    /// Over TLS on loopback; the server's certificate is verified, and its name. It may be another edge.
    pub fn verified(name: &str, port: u16, ca_pem: &str) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned())?;
        Ok(Self(Way::Verified { name, port, config: Arc::new(config) }))
    }

    /// Through a Unix socket.
    pub fn socket(path: PathBuf) -> Self {
        Self(Way::Socket { path })
    }

    pub(super) async fn connect(&self) -> io::Result<Connected> {
        match &self.0 {
            Way::Plain { port } => Ok(Connected { stream: Box::new(dial(*port).await?), certificate: None }),
            Way::Socket { path } => {
                Ok(Connected { stream: Box::new(UnixStream::connect(path).await?), certificate: None })
            }
            Way::Verified { name, port, config } => {
                let mut socket = dial(*port).await?;
                socket.write_all(&Startup::Tls.encode()).await?;
                if socket.read_u8().await? != b'S' {
                    return Err(io::Error::other("the server does not speak TLS"));
                }
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), socket).await?;
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate = shown.map(|certificate| certificate.clone().into_owned());
                Ok(Connected { stream: Box::new(stream), certificate })
            }
        }
    }

    /// Asks the server to cancel the statement of the session with this key; returns when it has been heard.
    pub(super) async fn cancel(&self, key: &[u8]) -> io::Result<()> {
        let mut stream = self.connect().await?.stream;
        stream.write_all(&Startup::Cancel(key.to_vec()).encode()).await?;
        stream.flush().await?;
        // The server says nothing and closes, over TLS without a farewell.
        let _ = stream.read(&mut [0]).await;
        Ok(())
    }
}

async fn dial(port: u16) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}
