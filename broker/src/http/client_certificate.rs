//! The certificate that a client showed in the TLS handshake, from its connection to each of its requests.
//!
//! It is taken from the handshake with us alone. A header in which a proxy says what certificate it saw (RFC 9440,
//! X-Forwarded-Client-Cert) is not looked at: anybody can write one.

use std::io;
use std::sync::Arc;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use futures_util::future::BoxFuture;
use tokio_rustls::server::TlsStream;
use tower_layer::Layer;

use crate::identity::ClientCertificates;

/// Accepts as `inner` does, and hands what the client showed to the requests of its connection.
#[derive(Clone)]
pub(super) struct Presented<A>(A);

/// What the client of a connection showed, if anything.
#[derive(Clone, Debug)]
pub(super) struct Shown(pub(super) Option<Arc<ClientCertificates>>);

impl<A> Presented<A> {
    pub(super) fn by(inner: A) -> Self {
        Self(inner)
    }
}

impl<I, S, A, T> Accept<I, S> for Presented<A>
where
    A: Accept<I, S, Stream = TlsStream<T>>,
    A::Future: Send + 'static,
    A::Service: Send,
    T: Send,
{
    type Stream = A::Stream;
    type Service = AddExtension<A::Service, Shown>;
    type Future = BoxFuture<'static, io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let accepted = self.0.accept(stream, service);
        Box::pin(async move {
            let (stream, service) = accepted.await?;
            let shown = stream.get_ref().1.peer_certificates();
            let shown = shown.map(|chain| Arc::new(ClientCertificates::new(chain.to_vec())));
            Ok((stream, Extension(Shown(shown)).layer(service)))
        })
    }
}
