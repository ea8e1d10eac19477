//! Connections that can be dropped in the middle of a request.

use std::sync::Arc;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// Ends the connection that a request came by.
#[derive(Clone, Default)]
pub(super) struct Cut(Arc<Notify>);

impl Cut {
    /// Never returns: nobody is left to be answered.
    pub(super) async fn now<T>(&self) -> T {
        self.0.notify_one();
        std::future::pending().await
    }
}

/// Serves every connection with these routes.
pub(super) async fn accept(listener: TcpListener, tls: Arc<ServerConfig>, routes: Router) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => drop(tokio::spawn(serve(socket, Arc::clone(&tls), routes.clone()))),
            // A connection that was gone before it was accepted is no reason to stop.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

async fn serve(socket: TcpStream, tls: Arc<ServerConfig>, routes: Router) {
    let Ok(stream) = TlsAcceptor::from(tls).accept(socket).await else { return };
    let cut = Cut::default();
    let service = TowerToHyperService::new(routes.layer(Extension(cut.clone())));
    let builder = Builder::new(TokioExecutor::new());
    tokio::select! {
        _ = builder.serve_connection(TokioIo::new(stream), service) => {}
        () = cut.0.notified() => {}
    }
}
