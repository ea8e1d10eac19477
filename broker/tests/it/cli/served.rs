//! A broker that runs as a process of its own.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use dsn_broker::time::{Clock, SystemClock};
use reqwest::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::program::configured;
use crate::stand::{Answer, Settings, client};

/// A running broker and its log.
pub struct Served {
    pub settings: Settings,
    pub url: String,
    pub admin_url: String,
    process: Child,
    log: watch::Receiver<Vec<String>>,
}

impl Served {
    /// Brings the ledger's schema up to date, and starts.
    pub async fn start(settings: Settings) -> Self {
        let migrated = configured(&settings, &["migrate"]).await;
        assert_eq!(migrated.code, Some(0), "{migrated:?}");
        Self::again(settings).await
    }

    /// Starts, and returns when it listens.
    pub async fn again(settings: Settings) -> Self {
        settings.write();
        // The kernel ends it when we are killed; dropping it ends it otherwise.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_dsn-broker"), "serve", "--config"])
            .arg(settings.file())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (write, log) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                write.send_modify(|log| log.push(line));
            }
        });
        let mut served = Self { settings, url: String::new(), admin_url: String::new(), process, log };
        let line = served.said(0, |line| line["message"] == "listening").await;
        let at = |name: &str| line[name].as_str().unwrap().replace("127.0.0.1", "localhost");
        let scheme = if served.settings.config["server"]["tls"].is_null() { "http" } else { "https" };
        served.url = format!("{scheme}://{}", at("public"));
        served.admin_url = format!("http://{}", at("admin"));
        served
    }

    /// Starts, and returns when it is ready.
    pub async fn ready(settings: Settings) -> Self {
        let served = Self::start(settings).await;
        until(async || served.readyz().await == 200).await;
        served
    }

    /// What `/readyz` answers.
    pub async fn readyz(&self) -> u16 {
        Answer::of(self.client().get(format!("{}/readyz", self.admin_url))).await.status.as_u16()
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    /// How many lines were logged so far: where to look from for what comes next.
    pub fn lines(&self) -> usize {
        self.log.borrow().len()
    }

    /// Waits for such a line after the first `from`.
    pub async fn said(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut log = self.log.clone();
        let find = |log: &Vec<String>| {
            let mut lines = log.iter().skip(from).filter_map(|line| serde_json::from_str(line).ok());
            lines.find(|line| wanted(line))
        };
        let found = tokio::time::timeout(Duration::from_secs(20), async {
            log.wait_for(|log| find(log).is_some()).await.map(|log| find(&log).unwrap()).ok()
        });
        found.await.ok().flatten().unwrap_or_else(|| panic!("it was not logged: {:#?}", self.log()))
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.process.id().unwrap());
        assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// A new connection that trusts the world's CA.
    pub fn client(&self) -> reqwest::Client {
        client(&self.settings.ca_path)
    }

    /// A request with a good token of this subject.
    pub fn request(&self, subject: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let token = self.settings.token(subject, SystemClock.now());
        self.client().request(method, format!("{}{path}", self.url)).bearer_auth(token)
    }

    /// The answer to a `GET` with a good token of this subject.
    pub async fn get(&self, subject: &str, path: &str) -> Answer {
        Answer::of(self.request(subject, Method::GET, path)).await
    }

    /// The path of a DSN.
    pub fn dsn(&self, role: &str) -> String {
        format!("/v1/dsn/{role}?ca_file={}", self.settings.ca_path.display())
    }

    /// The answer of the ledger to a query of its superuser.
    pub async fn at_ledger(&self, query: &str) -> String {
        self.settings.world.ledger().query_text(&self.settings.ledger, query).await.unwrap()
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> (ExitStatus, Settings, Vec<String>) {
        let status = tokio::time::timeout(Duration::from_secs(30), self.process.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it goes on: {:#?}", self.log())).unwrap();
        let mut log = self.log.clone();
        // The reader ends with the last line.
        while log.changed().await.is_ok() {}
        let lines = log.borrow().clone();
        (status, self.settings, lines)
    }
}

/// Looks again and again until it holds.
pub async fn until(holds: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let looking = async {
        loop {
            looks.tick().await;
            if holds().await {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looking).await.expect("it did not happen");
}
