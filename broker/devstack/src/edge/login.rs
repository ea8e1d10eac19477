//! The login, passed on between client and server, or done by the edge.

use std::io;

use super::refusal::Refusal;
use super::route::Backend;
use super::scram::{MECHANISM, Scram};
use super::wire::{Channel, Message, malformed, text};

/// How a conversation ends: with this message, or in silence.
pub(super) struct Farewell(pub(super) Option<Message>);

impl From<io::Error> for Farewell {
    fn from(_: io::Error) -> Self {
        Self(None)
    }
}

impl From<Refusal> for Farewell {
    fn from(refusal: Refusal) -> Self {
        Self(Some(refusal.to_message()))
    }
}

/// A session that the server is ready to serve.
pub(super) struct LoggedIn {
    /// What cancels its statements.
    pub(super) key: Vec<u8>,
    /// The server's word that it is ready, which the client has not got yet.
    pub(super) ready: Message,
}

/// Asks for the password in clear text.
pub(super) async fn ask_password(client: &mut Channel) -> io::Result<String> {
    client.send(&Message::authentication(CLEARTEXT)).await?;
    let answer = client.from.next().await?;
    let password = text(&answer.body).filter(|_| answer.tag == b'p').map(|(password, _)| password.to_owned());
    password.ok_or_else(malformed)
}

/// Carries messages until the server is ready. `same_certificate` says whether the client can bind its proof to the
/// channel, as it has seen the server's own certificate.
pub(super) async fn log_in(
    client: &mut Channel,
    server: &mut Channel,
    backend: &Backend,
    same_certificate: bool,
) -> Result<LoggedIn, Farewell> {
    let mut own = backend.password.as_deref().map(Own::new);
    let mut key = Vec::new();
    loop {
        let mut message = server.from.next().await?;
        match (message.tag, message.as_authentication()) {
            (b'Z', _) => return Ok(LoggedIn { key, ready: message }),
            (b'E', _) => return Err(Farewell(Some(reworded(backend, message)))),
            (b'R', Some((OK, _))) => client.send(&message).await?,
            (b'R', Some((code, rest))) => match &mut own {
                Some(own) => {
                    if let Some(answer) = own.answer(code, rest).map_err(io::Error::other)? {
                        server.send(&answer).await?;
                    }
                }
                None => {
                    if code == SASL && !same_certificate {
                        message = without_binding(rest);
                    }
                    client.send(&message).await?;
                    if code != SASL_FINAL {
                        let answer = client.from.next().await?;
                        server.send(&answer).await?;
                    }
                }
            },
            (tag, _) => {
                if tag == b'K' {
                    key.clone_from(&message.body);
                }
                client.send(&message).await?;
            }
        }
    }
}

fn reworded(backend: &Backend, message: Message) -> Message {
    match (&backend.reword, Refusal::parse(&message.body)) {
        (Some(reword), Some(refusal)) => reword(refusal).to_message(),
        _ => message,
    }
}

/// The offer of mechanisms without those that bind to the channel.
fn without_binding(offer: &[u8]) -> Message {
    let kept = offer.split_inclusive(|byte| *byte == 0).filter(|name| !name.ends_with(b"-PLUS\0"));
    Message::new(b'R', [SASL.to_be_bytes().as_slice(), &kept.collect::<Vec<_>>().concat()].concat())
}

/// The edge's own login.
struct Own<'a> {
    password: &'a str,
    scram: Option<Scram>,
}

impl<'a> Own<'a> {
    fn new(password: &'a str) -> Self {
        Self { password, scram: None }
    }

    /// What to answer to a server that asks for proof.
    fn answer(&mut self, code: u32, rest: &[u8]) -> anyhow::Result<Option<Message>> {
        let said = || std::str::from_utf8(rest);
        match (code, &mut self.scram) {
            (CLEARTEXT, _) => Ok(Some(Message::new(b'p', format!("{}\0", self.password)))),
            (SASL, scram) => {
                let first = scram.insert(Scram::new(self.password)?).first();
                let length = u32::try_from(first.len())?.to_be_bytes();
                let body = [MECHANISM.as_bytes(), b"\0", &length, first.as_bytes()].concat();
                Ok(Some(Message::new(b'p', body)))
            }
            (SASL_CONTINUE, Some(scram)) => Ok(Some(Message::new(b'p', scram.proof(said()?)?))),
            (SASL_FINAL, Some(scram)) if scram.verify(said()?) => Ok(None),
            _ => anyhow::bail!("the server asks for a proof that the edge cannot give"),
        }
    }
}

const OK: u32 = 0;
const CLEARTEXT: u32 = 3;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;
