//! What a client cannot be made to send.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Settings;

/// A connection on which any bytes can be sent.
pub struct Wire(pub TlsStream<TcpStream>);

/// What came back: all of it, and its first line apart.
pub struct Heard {
    pub status: Option<u16>,
    pub text: String,
}

impl Wire {
    /// Connects to a broker at this URL; `protocol` is what ALPN says.
    pub async fn open(settings: &Settings, url: &str, protocol: &[u8]) -> Self {
        Self::with_room(settings, url, protocol, 1 << 20).await
    }

    /// The same, with room for so many bytes that were received and not read.
    pub async fn with_room(settings: &Settings, url: &str, protocol: &[u8], room: u32) -> Self {
        let port = url::Url::parse(url).unwrap().port().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(room).unwrap();
        let tcp = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        let mut config = dsn_broker::tls::client_config(Some(&settings.ca_path)).unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Self(connector.connect("localhost".try_into().unwrap(), tcp).await.unwrap())
    }

    /// Sends this, as far as it is taken.
    pub async fn say(&mut self, bytes: &[u8]) {
        let said = async { self.0.write_all(bytes).await.and(self.0.flush().await) };
        let _ = tokio::time::timeout(PATIENCE, said).await.expect("it is not taken");
    }

    /// At most so many bytes of what comes; none if the other side has hung up.
    pub async fn take(&mut self, most: usize, heard: &mut Vec<u8>) -> usize {
        let reading = async { (&mut self.0).take(most as u64).read_buf(heard).await };
        tokio::time::timeout(PATIENCE, reading).await.expect("nothing comes").unwrap_or(0)
    }

    /// All that comes until the other side hangs up.
    pub async fn hear(&mut self) -> Vec<u8> {
        let mut heard = Vec::new();
        let reading = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut heard)).await;
        assert!(reading.is_ok(), "it is still there: {}", String::from_utf8_lossy(&heard));
        heard
    }

    /// Sends this and no more, as HTTP/1.1; what comes until the other side hangs up.
    pub async fn exchange(settings: &Settings, url: &str, bytes: &[u8]) -> Heard {
        let mut wire = Self::open(settings, url, b"http/1.1").await;
        wire.say(bytes).await;
        Heard::of(&wire.hear().await)
    }
}

impl Heard {
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        Self { status, text }
    }

    /// How many answers came.
    pub fn answers(&self) -> usize {
        self.text.matches("HTTP/1.1 ").count()
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
