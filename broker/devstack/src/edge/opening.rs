//! The first words of a client: TLS or not, and what it wants.

use std::io;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::State;
use super::route::Opening;
use super::wire::{Startup, Stream, malformed};

/// A client that wants a session.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Stream>,
    pub(super) opening: Opening,
    /// The minor version of the protocol that it asked for.
    pub(super) minor: u16,
}

/// Listens to a client until it asks for a session; `None` if it wanted something else, which was done.
pub(super) async fn open(state: &State, mut socket: TcpStream) -> io::Result<Option<Opened>> {
    socket.set_nodelay(true)?;
    let mut first = [0];
    socket.peek(&mut first).await?;
    let direct_tls = first == [TLS_HANDSHAKE];
    match if direct_tls { Startup::Tls } else { ask(state, &mut socket).await? } {
        Startup::Tls | Startup::Gss => {}
        Startup::Cancel(key) => return state.cancel(&key).await.map(|()| None),
        Startup::Session { minor, parameters } => {
            let opening = Opening { tls: false, ..opening(&socket, parameters)? };
            return Ok(Some(Opened { stream: Box::new(socket), opening, minor }));
        }
    }
    let tls = state.tls.as_ref().ok_or_else(malformed)?;
    let mut stream = TlsAcceptor::from(Arc::clone(tls)).accept(socket).await?;
    if direct_tls && stream.get_ref().1.alpn_protocol() != Some(PROTOCOL.as_bytes()) {
        // As Postgres does; without it some other protocol could be tricked into talking to us.
        return Err(malformed());
    }
    match Startup::read(&mut stream).await? {
        Startup::Cancel(key) => {
            state.cancel(&key).await?;
            // libpq takes an end without a farewell for a failure.
            stream.shutdown().await.map(|()| None)
        }
        Startup::Session { minor, parameters } => {
            let (socket, session) = stream.get_ref();
            let sni = session.server_name().map(str::to_owned);
            let opening = Opening { sni, direct_tls, ..opening(socket, parameters)? };
            Ok(Some(Opened { stream: Box::new(stream), opening, minor }))
        }
        Startup::Tls | Startup::Gss => Err(malformed()),
    }
}

/// Answers requests for encryption until TLS is agreed on, or something else is wanted.
async fn ask(state: &State, socket: &mut TcpStream) -> io::Result<Startup> {
    loop {
        match Startup::read(socket).await? {
            Startup::Tls if state.tls.is_some() => {
                socket.write_all(b"S").await?;
                return Ok(Startup::Tls);
            }
            Startup::Tls | Startup::Gss => socket.write_all(b"N").await?,
            other => return Ok(other),
        }
    }
}

fn opening(socket: &TcpStream, parameters: Vec<(String, String)>) -> io::Result<Opening> {
    let (mut user, mut database, mut others) = (None, None, Vec::new());
    for (name, value) in parameters {
        match name.as_str() {
            "user" => user = Some(value),
            "database" => database = Some(value),
            _ => others.push((name, value)),
        }
    }
    Ok(Opening {
        client: socket.peer_addr()?.ip(),
        tls: true,
        direct_tls: false,
        sni: None,
        user: user.ok_or_else(malformed)?,
        database,
        parameters: others,
    })
}

/// What must be agreed on when TLS starts with the first byte.
pub(super) const PROTOCOL: &str = "postgresql";

/// The first byte of a TLS connection; no packet of Postgres starts with it.
const TLS_HANDSHAKE: u8 = 0x16;
