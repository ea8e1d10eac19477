//! Who connects must say something soon, and take what it is given.
//!
//! The server tells HTTP/1 from HTTP/2 by the first bytes, and only then begins to watch the time. Until then we do. It
//! does not watch at all how long a client leaves its answers untaken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::http::untaken::Untaken;

/// Accepts as `inner` does, and gives up on who does not say which HTTP it speaks, or takes nothing of its answers.
#[derive(Clone)]
pub(super) struct FirstWord<A> {
    inner: A,
    patience: Duration,
    untaken: Duration,
}

/// A connection that fails unless it is soon known which HTTP is spoken, and when nothing is taken for long.
pub(super) struct Watched<S> {
    stream: S,
    untaken: Untaken,
    /// `None` once it is known.
    deadline: Option<Pin<Box<Sleep>>>,
    /// How many bytes of the preface have come.
    seen: usize,
}

impl<A> FirstWord<A> {
    /// The first word must come within `patience`; of an answer something must be taken within `untaken`, again and
    /// again.
    pub(super) fn within(patience: Duration, untaken: Duration, inner: A) -> Self {
        Self { inner, patience, untaken }
    }
}

impl<I, S, A> Accept<I, S> for FirstWord<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Send,
    A::Service: Send,
{
    type Stream = Watched<A::Stream>;
    type Service = A::Service;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let (accepted, patience) = (self.inner.accept(stream, service), self.patience);
        let untaken = Untaken::within(self.untaken);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            Ok((Watched { stream, untaken, deadline: Some(Box::pin(sleep(patience))), seen: 0 }, service))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(deadline) = &mut self.deadline else { return read };
        if read.is_pending() {
            return match deadline.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
                Poll::Pending => Poll::Pending,
            };
        }
        let new = buffer.filled().get(before..).unwrap_or_default();
        let expected = PREFACE.get(self.seen..).unwrap_or_default();
        let is_open = expected.starts_with(new) && new.len() < expected.len();
        self.seen += new.len();
        if !is_open {
            self.deadline = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.untaken.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.untaken.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(context);
        self.untaken.watch(context, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_shutdown(context);
        self.untaken.watch(context, written)
    }
}

/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Whether it is still watched after each of these pieces has come.
    async fn watched(pieces: &[&[u8]]) -> Vec<bool> {
        let (mut client, stream) = duplex(1024);
        let deadline = Some(Box::pin(sleep(Duration::from_secs(60))));
        let untaken = Untaken::within(Duration::from_secs(60));
        let (mut server, mut read) = (Watched { stream, untaken, deadline, seen: 0 }, [0; 1024]);
        let mut watched = Vec::new();
        for piece in pieces {
            client.write_all(piece).await.unwrap();
            server.read_exact(&mut read[..piece.len()]).await.unwrap();
            assert_eq!(read[..piece.len()], **piece, "it changes nothing");
            watched.push(server.deadline.is_some());
        }
        watched
    }

    proptest! {
        #[test]
        fn a_connection_is_watched_while_it_may_be_of_any_http_however_its_bytes_are_cut(
            begins in 0..=PREFACE.len(),
            goes_on in vec(any::<u8>(), 0..8),
            cuts in vec(1_usize..9, 1..40),
        ) {
            let bytes = [&PREFACE[..begins], &goes_on].concat();
            let (mut pieces, mut rest) = (Vec::new(), bytes.as_slice());
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                rest = after;
                pieces.push(piece);
            }
            pieces.retain(|piece| !piece.is_empty());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let watched = runtime.block_on(watched(&pieces));
            let mut come = 0;
            for (piece, is_watched) in pieces.iter().zip(watched) {
                come += piece.len();
                // Once it is known, it stays known.
                let may_be_any = come < PREFACE.len() && PREFACE.starts_with(&bytes[..come]);
                prop_assert_eq!(is_watched, may_be_any, "after {} bytes", come);
            }
        }
    }
}
