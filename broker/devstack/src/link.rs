//! A way to a server that can be cut.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A port of our own on loopback that leads to a server's, until it is cut. It ends when this is dropped.
///
/// While it is cut nothing is answered and nothing refused, as when packets are lost: connections stay open, new ones
/// are accepted by the kernel and hear nothing. What was sent meanwhile arrives once it is mended. While it is closed
/// it hangs up, as when the server is down.
#[derive(Debug)]
pub struct Link {
    port: u16,
    state: watch::Sender<State>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Whole,
    Cut,
    Closed,
}

impl Link {
    /// One that leads to this port on loopback.
    pub async fn to(port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for a link")?;
        let (sender, state) = watch::channel(State::Whole);
        let server = SocketAddr::from(([127, 0, 0, 1], port));
        let own = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(carry(client, server, state.clone()));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { port: own, state: sender, accepting })
    }

    /// The port to use instead of the server's; its certificate is good for `localhost` here as there.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Lets nothing through any more.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Ends all connections, and new ones at once.
    pub fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Lets everything through again.
    pub fn mend(&self) {
        self.state.send_replace(State::Whole);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries bytes both ways while the link is whole, until either side ends or it is closed.
async fn carry(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let mut closed = state.clone();
    tokio::select! {
        _ = closed.wait_for(|state| *state == State::Closed) => {}
        () = async {
            if state.wait_for(|state| *state == State::Whole).await.is_err() {
                return;
            }
            let Ok(server) = TcpStream::connect(server).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
            let _ =
                tokio::try_join!(pump(from_client, to_server, state.clone()), pump(from_server, to_client, state));
        } => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(BUFFER);
    loop {
        let count = from.read_buf(&mut bytes).await?;
        // The end of a connection is as invisible as all else while the link is cut.
        let _ = state.wait_for(|state| *state == State::Whole).await;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&bytes).await?;
        bytes.clear();
    }
}

const BUFFER: usize = 16 * 1024;
