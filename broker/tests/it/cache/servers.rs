//! Redis servers for what devstack has no server for: a Cluster, and a Sentinel with its master.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use redis::aio::MultiplexedConnection;

use super::fixture::until;

/// Redis servers of our own making. They end when this is dropped, or by themselves after two minutes.
pub(super) struct Servers {
    children: Mutex<Vec<Child>>,
    ports: Vec<u16>,
    ca: PathBuf,
    folder: tempfile::TempDir,
}

impl Servers {
    /// One server for each list of options.
    pub(super) async fn start(options: &[&[&str]]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = devstack::Ca::generate().unwrap();
        ca.issue_to(folder.path(), &["localhost", "127.0.0.1"]).unwrap();
        let ca = ca.write_to(folder.path()).unwrap();
        let mut servers = Self { children: Mutex::default(), ports: Vec::new(), ca, folder };
        for options in options {
            let port = servers.spawn(&[], options).await;
            servers.ports.push(port);
        }
        servers
    }

    /// A Sentinel that watches the first server as `main`; its port.
    pub(super) async fn add_sentinel(&self) -> u16 {
        let monitor = format!(
            "sentinel monitor main 127.0.0.1 {} 1\nsentinel auth-pass main secret\ntls-replication yes\n",
            self.port(0)
        );
        let config = self.folder.path().join("sentinel.conf");
        std::fs::write(&config, monitor).unwrap();
        self.spawn(&[config.to_str().unwrap()], &["--sentinel"]).await
    }

    pub(super) fn port(&self, number: usize) -> u16 {
        self.ports[number]
    }

    pub(super) fn url(&self, number: usize) -> String {
        format!("rediss://127.0.0.1:{}", self.port(number))
    }

    pub(super) fn ca_path(&self) -> &Path {
        &self.ca
    }

    pub(super) async fn ask(&self, number: usize, words: &[&str]) -> String {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        command.query_async(&mut self.connection(self.port(number)).await.unwrap()).await.unwrap()
    }

    async fn spawn(&self, config: &[&str], options: &[&str]) -> u16 {
        let port = free_port();
        let folder = self.folder.path().display();
        let log = self.folder.path().join(format!("{port}.log"));
        let child = Command::new("timeout")
            .args(["120", "redis-server"])
            .args(config)
            .args(["--port", "0", "--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
            .args(["--tls-ca-cert-file", &format!("{folder}/ca.pem")])
            .args(["--tls-cert-file", &format!("{folder}/server.crt")])
            .args(["--tls-key-file", &format!("{folder}/server.key")])
            .args(["--save", "", "--dir", &folder.to_string(), "--bind", "127.0.0.1"])
            .args(["--logfile", log.to_str().unwrap()])
            .args(["--cluster-config-file", &format!("{port}.nodes")])
            .args(options)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.children.lock().unwrap().push(child);
        until(&format!("{} listens: see {}", port, log.display()), async || {
            match self.connection(port).await {
                Ok(_) => true,
                // Who asks for a password listens.
                Err(error) => error.to_string().contains("NOAUTH"),
            }
        })
        .await;
        port
    }

    async fn connection(&self, port: u16) -> redis::RedisResult<MultiplexedConnection> {
        let root_cert = Some(std::fs::read(&self.ca).unwrap());
        let certificates = redis::TlsCertificates { client_tls: None, root_cert };
        let client = redis::Client::build_with_tls(format!("rediss://127.0.0.1:{port}"), certificates)?;
        client.get_multiplexed_async_connection().await
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for child in self.children.lock().unwrap().iter_mut() {
            // `timeout` passes the signal on; its own death alone would leave the server behind.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
            let _ = child.wait();
        }
    }
}

/// A port whose neighbour for the cluster's bus (10,000 above) exists as well.
fn free_port() -> u16 {
    (12_000..20_000)
        .map(|number| 12_000 + (number * 37 + std::process::id() * 101) as u16 % 8_000)
        .find(|port| {
            TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()
                && TcpListener::bind((Ipv4Addr::LOCALHOST, *port + 10_000)).is_ok()
        })
        .unwrap()
}
