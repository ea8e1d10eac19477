//! A private Redis with TLS only and one user, who may do what the broker needs.

use std::net::{Ipv4Addr, TcpStream};

use anyhow::Context as _;

use crate::account::Account;
use crate::ca::{self, Ca};
use crate::certificate::Certificate;
use crate::port::{self, Port};
use crate::scratch::{Scratch, Signal};
use crate::server::{Inner, Kind, Server};
use crate::{blocking, entropy};

/// A running Redis; it ends when this is dropped. It keeps nothing on disk: a restart empties it.
pub type Redis = Server<RedisKind>;

/// What it takes to run a Redis: nothing of its own.
#[derive(Debug)]
pub struct RedisKind;

impl Redis {
    /// Starts one with a certificate of this authority, and returns when it takes connections.
    pub async fn start(ca: &Ca) -> anyhow::Result<Self> {
        let ca = ca.clone();
        blocking(move || Self::start_now(&ca)).await
    }

    fn start_now(ca: &Ca) -> anyhow::Result<Self> {
        let scratch = Scratch::create("redis", Account::of_servers()?, Signal::Kill)?;
        Certificate::Good.issue(ca, &scratch)?;
        let ca_path = ca.write_to(scratch.path())?;
        scratch.account().adopt(&ca_path)?;
        Self::begin(Inner {
            scratch,
            port: Port::claim()?,
            ca_pem: ca.pem().to_owned(),
            ca_path,
            password: entropy::password()?,
            kind: RedisKind,
        })
    }

    /// The password of the user `broker`.
    pub fn password(&self) -> &str {
        self.user_password()
    }

    /// A URL for the user `broker`; the certificate is good for `localhost`.
    pub fn url(&self) -> String {
        format!("rediss://broker:{}@{}:{}", self.password(), self.host(), self.port())
    }

    /// Like [`Redis::restart`], without any memory left: it answers, and takes nothing.
    pub async fn restart_full(&self) -> anyhow::Result<()> {
        self.on_server(|server| {
            server.scratch.stop(RedisKind::END)?;
            server.start(Memory::None)
        })
        .await
    }
}

impl Kind for RedisKind {
    const NAME: &'static str = "Redis";
    const END: Signal = Signal::Terminate;

    fn start(server: &Inner<Self>) -> anyhow::Result<()> {
        server.start(Memory::Enough)
    }
}

/// How much memory the server may use.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Enough,
    None,
}

impl Inner<RedisKind> {
    fn start(&self, memory: Memory) -> anyhow::Result<()> {
        self.configure(memory)?;
        let config = self.scratch.path().join("redis.conf");
        let port = self.port.number();
        self.scratch
            .start(&["redis-server".as_ref(), config.as_os_str()], |_| {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            })
            .context("Redis does not start (apt-get install redis-server, if it is missing)")
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
}

/// Only our own keys and channels, and nothing that an administrator would do.
const RIGHTS: &str = "resetkeys ~dsn:* resetchannels &dsn:* -@all +@connection +@read +@write +@keyspace +@scripting \
                      +@pubsub +@transaction -@admin -@dangerous";
