//! Postgres' messages: how they are framed, and the few that the edge understands or writes.
//!
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol" (message formats).

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

/// What messages go over: TCP, TLS on top of it, or a Unix socket.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What a client says first. These packets have no tag.
pub(super) enum Startup {
    /// Asks for TLS.
    Tls,
    /// Asks for encryption by GSSAPI.
    Gss,
    /// Asks to cancel the statement of the session with this key.
    Cancel(Vec<u8>),
    /// Wants a session, by minor version 3.x of the protocol.
    Session { minor: u16, parameters: Vec<(String, String)> },
}

impl Startup {
    /// Reads one, and not a byte more.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let length = usize::try_from(from.read_u32().await?).map_err(io::Error::other)?;
        let rest = length.checked_sub(8).filter(|rest| *rest <= LONGEST_STARTUP).ok_or_else(malformed)?;
        let (major, minor) = (from.read_u16().await?, from.read_u16().await?);
        let mut body = vec![0; rest];
        from.read_exact(&mut body).await?;
        match (major, minor) {
            (1234, 5678) => Ok(Self::Cancel(body)),
            (1234, 5679) => Ok(Self::Tls),
            (1234, 5680) => Ok(Self::Gss),
            (3, minor) => {
                let text = std::str::from_utf8(&body).map_err(|_| malformed())?;
                let mut words = text.split('\0').map(str::to_owned).take_while(|word| !word.is_empty());
                let parameters = std::iter::from_fn(|| words.next().zip(words.next())).collect();
                Ok(Self::Session { minor, parameters })
            }
            _ => Err(malformed()),
        }
    }

    /// As the bytes that [`Startup::read`] reads.
    pub(super) fn encode(&self) -> Vec<u8> {
        let (major, minor, body) = match self {
            Self::Cancel(key) => (1234_u16, 5678, key.clone()),
            Self::Tls => (1234, 5679, Vec::new()),
            Self::Gss => (1234, 5680, Vec::new()),
            Self::Session { minor, parameters } => {
                let words: String =
                    parameters.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
                (3, *minor, [words.as_bytes(), &[0]].concat())
            }
        };
        let version = [major.to_be_bytes(), minor.to_be_bytes()].concat();
        [&length(body.len() + 8), version.as_slice(), &body].concat()
    }
}

/// Any later message.
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) body: Vec<u8>,
}

impl Message {
    pub(super) fn new(tag: u8, body: impl Into<Vec<u8>>) -> Self {
        Self { tag, body: body.into() }
    }

    /// A message of the kind `R`, by which a server asks for proof, or is content (0).
    pub(super) fn authentication(code: u32) -> Self {
        Self::new(b'R', code.to_be_bytes())
    }

    /// What kind of `R` it is, and the rest.
    pub(super) fn as_authentication(&self) -> Option<(u32, &[u8])> {
        let (code, rest) = self.body.split_first_chunk()?;
        (self.tag == b'R').then_some((u32::from_be_bytes(*code), rest))
    }

    pub(super) fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.push(self.tag);
        bytes.extend(length(self.body.len() + 4));
        bytes.extend(&self.body);
    }
}

/// Text up to the byte that ends it, and what follows.
pub(super) fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (text, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(text).ok()?, rest.get(1..)?))
}

/// One side of a session, from when both ends know whom they talk to.
pub(super) struct Channel {
    pub(super) from: Messages,
    pub(super) to: WriteHalf<Box<dyn Stream>>,
}

impl Channel {
    pub(super) fn new(stream: Box<dyn Stream>) -> Self {
        let (from, to) = tokio::io::split(stream);
        Self { from: Messages { from, buffer: Vec::new() }, to }
    }

    pub(super) async fn send(&mut self, message: &Message) -> io::Result<()> {
        let mut bytes = Vec::new();
        message.append_to(&mut bytes);
        self.to.write_all(&bytes).await?;
        self.to.flush().await
    }

    /// The last word. What the other side still sends is read, as otherwise the kernel would take the word back.
    pub(super) async fn close(mut self, last: Option<&Message>) -> io::Result<()> {
        if let Some(last) = last {
            self.send(last).await?;
        }
        self.to.shutdown().await?;
        self.from.drain().await
    }
}

/// What one side says, message by message.
pub(super) struct Messages {
    from: ReadHalf<Box<dyn Stream>>,
    buffer: Vec<u8>,
}

impl Messages {
    /// The next one; the end of the connection is an error. May be cancelled without loss.
    pub(super) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(message) = self.ready()? {
                return Ok(message);
            }
            if self.fill().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next one if it is here already.
    pub(super) fn ready(&mut self) -> io::Result<Option<Message>> {
        let Some((&[tag, a, b, c, d], rest)) = self.buffer.split_first_chunk() else { return Ok(None) };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).map_err(io::Error::other)?;
        let body = length.checked_sub(4).ok_or_else(malformed)?;
        let Some(body) = rest.get(..body).map(<[u8]>::to_vec) else { return Ok(None) };
        self.buffer.drain(..=length);
        Ok(Some(Message { tag, body }))
    }

    /// Reads on to the end.
    pub(super) async fn drain(&mut self) -> io::Result<()> {
        while self.fill().await? > 0 {
            self.buffer.clear();
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(BUFFER);
        self.from.read_buf(&mut self.buffer).await
    }
}

pub(super) fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "not what a client or server of Postgres says")
}

fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

/// Postgres takes no longer ones either.
const LONGEST_STARTUP: usize = 10_000;

const BUFFER: usize = 16 * 1024;
