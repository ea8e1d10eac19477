//! What our own servers share: listeners on loopback, TLS, and a thread that outlives the runtime of a test.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context as _, bail};
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::sync::watch;

use crate::ca::Issued;
use crate::port::{self, Port};

/// A server goes on until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its end is what the thread waits for.
    _running: watch::Sender<()>,
}

/// Runs what `start` spawns, on a thread and a runtime of its own. What it returns is kept as long.
pub(crate) fn run<Kept>(
    name: &str,
    start: impl FnOnce() -> anyhow::Result<Kept> + Send + 'static,
) -> anyhow::Result<Running> {
    let (running, mut end) = watch::channel(());
    let (report, started) = mpsc::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
            let _entered = runtime.enter();
            let kept = start()?;
            Ok((runtime, kept))
        });
        match result {
            Err(error) => drop(report.send(Err(error))),
            Ok((runtime, _kept)) => {
                drop(report.send(Ok(())));
                // Ends with an error, when the other side is dropped.
                let _ = runtime.block_on(end.changed());
            }
        }
    })?;
    started.recv().context("the thread ended")??;
    Ok(Running { _running: running })
}

/// Answers over HTTP, or HTTPS if there is a configuration for it. For within [`run`].
pub(crate) fn serve_http(
    listeners: Vec<TcpListener>,
    routes: &Router,
    tls: Option<&Arc<ServerConfig>>,
) -> anyhow::Result<()> {
    for listener in listeners {
        let service = routes.clone().into_make_service();
        match tls {
            Some(tls) => {
                let tls = RustlsConfig::from_config(Arc::clone(tls));
                let server = axum_server::from_tcp_rustls(listener, tls)?;
                tokio::spawn(server.serve(service));
            }
            None => {
                let server = axum_server::from_tcp(listener)?;
                tokio::spawn(server.serve(service));
            }
        }
    }
    Ok(())
}

/// A port on which we listen. Someone who does not heed claims may take one between our look and our listening.
pub(crate) fn listen() -> anyhow::Result<(Port, Vec<TcpListener>)> {
    for _ in 0..ATTEMPTS {
        let port = Port::claim()?;
        match listen_on(&port) {
            Ok(listeners) => return Ok((port, listeners)),
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("every port that was free a moment before was taken")
}

/// On every loopback address, since clients differ in which they try first.
fn listen_on(port: &Port) -> std::io::Result<Vec<TcpListener>> {
    let mut addresses = vec![IpAddr::from(Ipv4Addr::LOCALHOST)];
    if port::has_ipv6() {
        addresses.push(Ipv6Addr::LOCALHOST.into());
    }
    let listen = |address| {
        let listener = TcpListener::bind((address, port.number()))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    addresses.into_iter().map(listen).collect()
}

const ATTEMPTS: u32 = 10;

/// TLS with this certificate, for these protocols (ALPN).
pub(crate) fn tls(issued: &Issued, protocols: &[&str]) -> anyhow::Result<Arc<ServerConfig>> {
    let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(Arc::new(config))
}

/// The protocols of HTTPS.
pub(crate) const HTTP: &[&str] = &["h2", "http/1.1"];

/// The names under which a server on loopback is reached.
pub(crate) const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "::1"];
