//! A client's way through the edge, from its first words to its last.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::login::{Farewell, LoggedIn, ask_password, log_in};
use super::opening::{Opened, open};
use super::route::{Backend, Opening, Route};
use super::watch::Watch;
use super::wire::{Channel, Message, Messages, Startup, Stream};
use super::{Door, Refusal, State, Upstream};

/// Serves one connection until it ends.
pub(super) async fn serve(state: &State, socket: TcpStream) -> io::Result<()> {
    let mut door = state.door.subscribe();
    let closed = door.wait_for(|door| *door != Door::Paused).await.is_ok_and(|door| *door == Door::Closed);
    if closed {
        return Ok(());
    }
    let Some(Opened { stream, opening, minor }) = open(state, socket).await? else { return Ok(()) };
    let mut client = Channel::new(stream);
    let last = match converse(state, &mut client, opening, minor).await {
        Ok(()) => None,
        Err(Farewell(last)) => last,
    };
    client.close(last.as_ref()).await
}

async fn converse(
    state: &State,
    client: &mut Channel,
    mut opening: Opening,
    minor: u16,
) -> Result<(), Farewell> {
    if !opening.tls
        && let Some(refusal) = &state.plaintext_refusal
    {
        return Err(refusal.clone().into());
    }
    if let Door::Refusing(refusal) = &*state.door.borrow() {
        return Err(refusal.clone().into());
    }
    agree_on_version(client, &mut opening, minor).await?;
    let backend = find(state, client, &opening).await?;
    tokio::time::sleep(backend.hold).await;
    let connected = backend.upstream.connect().await.map_err(|_| state.unreachable.clone())?;
    let same_certificate =
        opening.tls && connected.certificate.is_some() && connected.certificate == state.certificate;
    let mut server = Channel::new(connected.stream);
    let start = Startup::Session { minor: 0, parameters: backend.all_parameters() };
    server.to.write_all(&start.encode()).await?;
    server.to.flush().await?;
    let logged_in = log_in(client, &mut server, &backend, same_certificate).await?;
    let key = logged_in.key.clone();
    let Some(last) = carry(state, client, &mut server, &opening, &backend, logged_in).await? else {
        return Ok(());
    };
    // Apart from the client, who is not to wait for a server that hangs.
    tokio::spawn(end(server, backend.upstream, key));
    Err(last.into())
}

/// Ends the session at the server, which does not notice in the middle of a statement that its client has gone.
async fn end(mut server: Channel, upstream: Upstream, key: Vec<u8>) -> io::Result<()> {
    server.send(&Message::new(b'X', [])).await?;
    server.to.shutdown().await?;
    // A cancellation is lost if it comes before its statement has begun.
    while timeout(CANCEL_AGAIN, server.from.drain()).await.is_err() {
        upstream.cancel(&key).await?;
    }
    Ok(())
}

/// The edge speaks version 3.0 and no extensions, and says so to a client that asks for more.
async fn agree_on_version(client: &mut Channel, opening: &mut Opening, minor: u16) -> io::Result<()> {
    let (extensions, parameters): (Vec<_>, Vec<_>) =
        std::mem::take(&mut opening.parameters).into_iter().partition(|(name, _)| name.starts_with("_pq_."));
    opening.parameters = parameters;
    if minor > 0 || !extensions.is_empty() {
        let names: String = extensions.iter().map(|(name, _)| format!("{name}\0")).collect();
        let count = u32::try_from(extensions.len()).unwrap_or_default().to_be_bytes();
        let body = [(3_u32 << 16).to_be_bytes().as_slice(), &count, names.as_bytes()].concat();
        client.send(&Message::new(b'v', body)).await?;
    }
    Ok(())
}

async fn find(state: &State, client: &mut Channel, opening: &Opening) -> Result<Backend, Farewell> {
    let mut route = (state.route)(opening);
    loop {
        match route {
            Route::To(backend) => return Ok(backend),
            Route::Refuse(refusal) => return Err(refusal.into()),
            Route::AskPassword(check) => route = check(&ask_password(client).await?),
        }
    }
}

/// Carries messages both ways until one side ends; returns what the session was ended with, if we did it.
async fn carry(
    state: &State,
    client: &mut Channel,
    server: &mut Channel,
    opening: &Opening,
    backend: &Backend,
    LoggedIn { key, ready }: LoggedIn,
) -> Result<Option<Refusal>, Farewell> {
    let watch = Watch::new(&state.watcher, opening).map_err(io::Error::other)?;
    let (_registered, end) = state.register(opening, &backend.upstream, &key);
    client.send(&ready).await?;
    tokio::select! {
        ended = to_client(&mut server.from, &mut client.to, &watch, end) => Ok(ended.ok()),
        _ = to_server(&mut client.from, &mut server.to, &watch) => Ok(None),
    }
}

/// Ends with an error if the server ends the session, and with a refusal if we do: between two messages.
async fn to_client(
    from: &mut Messages,
    to: &mut WriteHalf<Box<dyn Stream>>,
    watch: &Watch<'_>,
    mut end: oneshot::Receiver<Refusal>,
) -> io::Result<Refusal> {
    let mut bytes = Vec::new();
    loop {
        let message = tokio::select! {
            biased;
            refusal = &mut end => return refusal.map_err(io::Error::other),
            message = from.next() => message?,
        };
        watch.of_server(message).append_to(&mut bytes);
        while let Some(message) = from.ready()? {
            watch.of_server(message).append_to(&mut bytes);
        }
        to.write_all(&bytes).await?;
        to.flush().await?;
        bytes.clear();
    }
}

/// Ends with an error when the client does. That the server has ended is for [`to_client`] to see, after its last words.
async fn to_server(
    from: &mut Messages,
    to: &mut WriteHalf<Box<dyn Stream>>,
    watch: &Watch<'_>,
) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        let message = from.next().await?;
        watch.of_client(message).append_to(&mut bytes);
        while let Some(message) = from.ready()? {
            watch.of_client(message).append_to(&mut bytes);
        }
        if to.write_all(&bytes).await.is_err() || to.flush().await.is_err() {
            std::future::pending().await
        }
        bytes.clear();
    }
}

const CANCEL_AGAIN: Duration = Duration::from_millis(100);
