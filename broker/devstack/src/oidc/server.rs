//! The issuer's thread and its listeners.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;

use anyhow::{Context as _, bail};
use axum::Router;
use axum_server::tls_rustls::RustlsConfig;
use tokio::sync::watch;

use super::{Oidc, State, routes};
use crate::ca::Ca;
use crate::port::{self, Port};
use crate::tls;

/// Listens, and answers from a thread of its own until the value that is returned is dropped.
pub(super) fn start(ca: &Ca, state: impl FnOnce(String, String) -> State) -> anyhow::Result<Oidc> {
    let ((https, https_listeners), (http, http_listeners)) = (listen()?, listen()?);
    let state = Arc::new(state(
        format!("https://localhost:{}", https.number()),
        format!("http://localhost:{}", http.number()),
    ));
    let mut tls = tls::server(ca, &["localhost", "127.0.0.1", "::1"])?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = RustlsConfig::from_config(Arc::new(tls));
    let secure = routes::routes(Arc::clone(&state), state.issuer.clone());
    let plain = routes::routes(Arc::clone(&state), state.http_issuer.clone());
    let (running, mut end) = watch::channel(());
    let (report, started) = mpsc::channel();
    thread::Builder::new().name("devstack-oidc".to_owned()).spawn(move || {
        let _claims = (https, http);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
            let _entered = runtime.enter();
            serve(https_listeners, &secure, Some(&tls))?;
            serve(http_listeners, &plain, None)?;
            Ok(runtime)
        });
        match result {
            Err(error) => drop(report.send(Err(error))),
            Ok(runtime) => {
                drop(report.send(Ok(())));
                // Ends with an error, when the other side is dropped.
                let _ = runtime.block_on(end.changed());
            }
        }
    })?;
    started.recv().context("the thread ended")??;
    Ok(Oidc { state, _running: running })
}

fn serve(listeners: Vec<TcpListener>, routes: &Router, tls: Option<&RustlsConfig>) -> anyhow::Result<()> {
    for listener in listeners {
        let service = routes.clone().into_make_service();
        match tls {
            Some(tls) => {
                let server = axum_server::from_tcp_rustls(listener, tls.clone())?;
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
fn listen() -> anyhow::Result<(Port, Vec<TcpListener>)> {
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
