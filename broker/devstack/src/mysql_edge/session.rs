//! One client, from its greeting to its end.

use std::sync::atomic::Ordering;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::handshake::Greeting;
use super::login::{self, Login};
use super::packet::{ERR, OK, Packet};
use super::{Backend, Entry, Route, Shared};

/// A way to a client, through TLS or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Serves the client until either side ends.
pub(super) async fn serve(shared: &Shared, client: TcpStream) -> anyhow::Result<()> {
    client.set_nodelay(true)?;
    let mut server = Server::connect(&shared.backend).await?;
    let Some((mut client, mut said)) = greet(shared, &server.greeting, client).await? else { return Ok(()) };
    let mut login = Login::parse(&said.payload)?;
    let mut route = (shared.route)(&login.opening());
    let mut greeted_by = Some(shared.backend.port);
    let (backend, user, database, password) = loop {
        match route {
            Route::To { backend, user, database, password } => break (backend, user, database, password),
            Route::Refuse(refusal) => return said.refusal(&refusal).write(&mut client).await,
            Route::AskPassword(check) => {
                said.ask_password().write(&mut client).await?;
                said = Packet::read(&mut client).await?;
                let shown = said.payload.strip_suffix(&[0]).unwrap_or(&said.payload);
                route = check(&String::from_utf8_lossy(shown));
                // What the client proved first was no password.
                greeted_by = None;
            }
            Route::After(delay, then) => {
                tokio::time::sleep(delay).await;
                route = *then;
                // By then the server may have lost its patience.
                greeted_by = None;
            }
        }
    };
    login.rewrite(&user, &database);
    if greeted_by != Some(backend.port) {
        server = Server::connect(&backend).await?;
    }
    if let Some(password) = password {
        login.prove(server.greeting.plugin(), server.greeting.proof(&password)?);
    } else if greeted_by != Some(backend.port) {
        server.greeting.switch(said.sequence.wrapping_add(1)).write(&mut client).await?;
        said = Packet::read(&mut client).await?;
        login.prove(server.greeting.plugin(), said.payload);
    }
    let mut server = server.log_in(&backend, &login).await?;
    if relay_login(&mut client, said.sequence, &mut server).await? {
        shared.opened.fetch_add(1, Ordering::Relaxed);
        copy_bidirectional(&mut client, &mut server).await?;
    }
    Ok(())
}

/// Sends the greeting on and opens TLS, unless clients come without. The client with its login; none if it was refused.
async fn greet(
    shared: &Shared,
    greeting: &Greeting,
    mut client: TcpStream,
) -> anyhow::Result<Option<(Box<dyn Stream>, Packet)>> {
    greeting.packet(matches!(shared.entry, Entry::Tls(..)))?.write(&mut client).await?;
    let said = Packet::read(&mut client).await?;
    let Entry::Tls(acceptor, insecure) = &shared.entry else { return Ok(Some((Box::new(client), said))) };
    if !login::asks_for_tls(&said) {
        said.refusal(insecure).write(&mut client).await?;
        return Ok(None);
    }
    let mut client = acceptor.accept(client).await?;
    let said = Packet::read(&mut client).await?;
    Ok(Some((Box::new(client), said)))
}

/// Carries what is left of the login, in which the numbers of packets may differ on both sides; whether it succeeds.
async fn relay_login(
    client: &mut Box<dyn Stream>,
    sequence: u8,
    server: &mut TlsStream<TcpStream>,
) -> anyhow::Result<bool> {
    // The client's last packet went to the server as its packet 2.
    let ahead = sequence.wrapping_sub(2);
    loop {
        let mut said = Packet::read(server).await?;
        said.sequence = said.sequence.wrapping_add(ahead);
        said.write(client).await?;
        match said.kind() {
            Some(OK) => return Ok(true),
            Some(ERR) => return Ok(false),
            // All else asks the client for more.
            _ => {}
        }
        let mut answer = Packet::read(client).await?;
        answer.sequence = answer.sequence.wrapping_sub(ahead);
        answer.write(server).await?;
    }
}

/// A server that has greeted.
struct Server {
    stream: TcpStream,
    greeting: Greeting,
}

impl Server {
    async fn connect(backend: &Backend) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect(("127.0.0.1", backend.port)).await?;
        stream.set_nodelay(true)?;
        let greeting = Greeting::parse(Packet::read(&mut stream).await?)?;
        Ok(Self { stream, greeting })
    }

    async fn log_in(self, backend: &Backend, login: &Login) -> anyhow::Result<TlsStream<TcpStream>> {
        let (ask, login) = login.packets()?;
        let mut stream = self.stream;
        ask.write(&mut stream).await?;
        let mut stream = backend.connector.connect(ServerName::try_from("localhost")?, stream).await?;
        login.write(&mut stream).await?;
        Ok(stream)
    }
}
