//! A private Redis with TLS only and one user, who may do what the broker needs.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::account::Account;
use crate::ca::{self, Ca};
use crate::port::{self, Port};
use crate::scratch::{Scratch, Signal};
use crate::{blocking, entropy};

/// A running server; it ends when this is dropped. It keeps nothing on disk: a restart empties it.
#[derive(Debug)]
pub struct Redis {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    scratch: Scratch,
    port: Port,
    ca_path: PathBuf,
    password: String,
}

impl Redis {
    /// Starts one with a certificate of this authority, and returns when it takes connections.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let ca = ca.clone();
        blocking(move || Self::start_now(&ca)).await
    }

    fn start_now(ca: &Ca) -> anyhow::Result<Self> {
        let scratch = Scratch::create("redis", Account::of_servers()?, Signal::Kill)?;
        let files = ca.issue_to(scratch.path(), &["localhost", "127.0.0.1", "::1"])?;
        let ca_path = ca.write_to(scratch.path())?;
        for path in [&files.certificate, &files.key, &ca_path] {
            scratch.account().adopt(path)?;
        }
        let mut inner = Inner { scratch, port: Port::claim()?, ca_path, password: entropy::password()? };
        for _ in 0..PORTS {
            match inner.configure(Memory::Enough).and_then(|()| inner.start()) {
                Err(error) if format!("{error:#}").contains("Address already in use") => {
                    inner.port = Port::claim()?;
                }
                other => return other.map(|()| Self { inner: Arc::new(inner) }),
            }
        }
        bail!("{PORTS} ports were taken from under Redis one after the other")
    }

    /// The port, the same for the server's whole life.
    pub fn port(&self) -> u16 {
        self.inner.port.number()
    }

    /// The password of the user `broker`.
    pub fn password(&self) -> &str {
        &self.inner.password
    }

    /// A URL for the user `broker`; the certificate is good for `localhost`.
    pub fn url(&self) -> String {
        format!("rediss://broker:{}@localhost:{}", self.password(), self.port())
    }

    /// A file with the authority that clients are to trust.
    pub fn ca_path(&self) -> &Path {
        &self.inner.ca_path
    }

    /// All that the server has logged.
    pub fn log(&self) -> String {
        self.inner.scratch.log()
    }

    /// Ends the server in order. It can be started again by [`Redis::restart`].
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(Signal::Terminate)).await
    }

    /// Kills the server.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.stop(Signal::Kill)).await
    }

    /// Stops the server where it is: connections stay open and nothing answers.
    pub async fn pause(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Stop)).await
    }

    /// Undoes [`Redis::pause`].
    pub async fn resume(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.signal_all(Signal::Continue)).await
    }

    /// Starts the server again on the same port, empty, after ending it in order if it still runs.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.restart(Memory::Enough)).await
    }

    /// The same, without any memory left: it answers, and takes nothing.
    pub async fn restart_full(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.restart(Memory::None)).await
    }

    /// Ends the server for good and waits until its folder is gone. Dropping does the same without waiting.
    pub async fn end(&self) -> anyhow::Result<()> {
        self.on_server(|inner| inner.scratch.clean_up()).await
    }

    async fn on_server(
        &self,
        work: impl FnOnce(&Inner) -> anyhow::Result<()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner)).await
    }
}

/// How much memory the server may use.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Enough,
    None,
}

impl Inner {
    fn restart(&self, memory: Memory) -> anyhow::Result<()> {
        self.scratch.stop(Signal::Terminate)?;
        self.configure(memory)?;
        self.start()
    }

    fn configure(&self, memory: Memory) -> anyhow::Result<()> {
        let folder = self.scratch.path().display();
        let addresses = if port::has_ipv6() { "127.0.0.1 ::1" } else { "127.0.0.1" };
        let text = format!(
            "bind {addresses}\nport 0\ntls-port {port}\ntls-auth-clients no\ntls-ca-cert-file {folder}/ca.pem\n\
             tls-cert-file {folder}/server.crt\ntls-key-file {folder}/server.key\n\
             dir {folder}\nsave \"\"\nappendonly no\ndaemonize no\n\
             maxmemory {memory}\nmaxmemory-policy noeviction\n\
             user default off\nuser broker on >{password} {RIGHTS}\n",
            memory = match memory {
                // No limit.
                Memory::Enough => 0,
                Memory::None => 1,
            },
            port = self.port.number(),
            password = self.password,
        );
        let path = self.scratch.path().join("redis.conf");
        ca::write(&path, &text)?;
        self.scratch.account().adopt(&path)
    }

    fn start(&self) -> anyhow::Result<()> {
        let config = self.scratch.path().join("redis.conf");
        let port = self.port.number();
        self.scratch
            .start(&["redis-server".as_ref(), config.as_os_str()], |_| {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            })
            .context("Redis does not start (apt-get install redis-server, if it is missing)")
    }
}

/// Only our own keys and channels, and nothing that an administrator would do.
const RIGHTS: &str = "resetkeys ~dsn:* resetchannels &dsn:* -@all +@connection +@read +@write +@keyspace +@scripting \
                      +@pubsub +@transaction -@admin -@dangerous";

const PORTS: u32 = 5;
