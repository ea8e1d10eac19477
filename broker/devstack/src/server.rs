//! What all private servers have in common: a folder, a port, an authority to trust, and a life.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;

use crate::blocking;
use crate::port::Port;
use crate::scratch::{Scratch, Signal};

/// A running server; it ends and its data goes when this is dropped.
#[derive(Debug)]
pub struct Server<K> {
    inner: Arc<Inner<K>>,
}

/// A server, running or not.
#[derive(Debug)]
pub struct Inner<K> {
    pub(crate) scratch: Scratch,
    pub(crate) port: Port,
    pub(crate) ca_pem: String,
    pub(crate) ca_path: PathBuf,
    pub(crate) password: String,
    pub(crate) kind: K,
}

/// What distinguishes one kind of server from another.
pub trait Kind: Sized + Send + Sync + 'static {
    /// How messages call it.
    const NAME: &'static str;

    /// What tells it to end in order, together with its sessions.
    const END: Signal;

    /// Starts it with the port and the data that it has, and returns when it takes connections on all addresses.
    fn start(server: &Inner<Self>) -> anyhow::Result<()>;
}

impl<K: Kind> Server<K> {
    /// Starts it for the first time, on another port if someone has taken its own meanwhile.
    pub(crate) fn begin(mut inner: Inner<K>) -> anyhow::Result<Self> {
        for _ in 0..PORTS {
            match K::start(&inner) {
                Err(error) if format!("{error:#}").contains(ADDRESS_IN_USE) => inner.port = Port::claim()?,
                other => return other.map(|()| Self { inner: Arc::new(inner) }),
            }
        }
        bail!("{PORTS} ports were taken from under {} one after the other", K::NAME)
    }

    /// The name to connect to, for which the certificate is good (unless another one was asked for).
    pub fn host(&self) -> &'static str {
        "localhost"
    }

    /// The port, the same for the server's whole life.
    pub fn port(&self) -> u16 {
        self.inner.port.number()
    }

    /// The authority that clients are to trust. With [`Certificate::Untrusted`](crate::Certificate::Untrusted) it is
    /// not the one that signed.
    pub fn ca_pem(&self) -> &str {
        &self.inner.ca_pem
    }

    /// A file with [`Server::ca_pem`].
    pub fn ca_path(&self) -> &Path {
        &self.inner.ca_path
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        self.inner.scratch.log()
    }

    /// Ends the server in order; sessions are ended. It can be started again by [`Server::restart`].
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(K::END)).await
    }

    /// Kills all of the server's processes at once, as a power cut would.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(Signal::Kill)).await
    }

    /// Stops all of the server's processes where they are: connections stay open and nothing answers.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Stop)).await
    }

    /// Undoes [`Server::pause`].
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Continue)).await
    }

    /// Starts the server again on the same port with what it has on disk, after ending it in order if it still runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.on_server(|inner| {
            inner.scratch.stop(K::END)?;
            K::start(inner)
        })
        .await
    }

    /// Ends the server for good and waits until its folder is gone. Dropping does the same without waiting.
    pub async fn end(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.clean_up()).await
    }

    /// The password of the user that it was started with.
    pub(crate) fn user_password(&self) -> &str {
        &self.inner.password
    }

    /// What only this kind of server has.
    pub(crate) fn kind(&self) -> &K {
        &self.inner.kind
    }

    /// The server itself.
    pub(crate) fn inner(&self) -> &Inner<K> {
        &self.inner
    }

    /// Its folder, which is closed to others.
    pub(crate) fn folder(&self) -> &Path {
        self.inner.scratch.path()
    }

    pub(crate) async fn on_server<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner<K>) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).await
    }
}

pub(crate) const ADDRESS_IN_USE: &str = "Address already in use";
const PORTS: u32 = 5;
