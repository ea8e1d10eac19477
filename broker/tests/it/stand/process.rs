//! The broker as a process of its own.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use devstack::Program;
use dsn_broker::time::{Clock, SystemClock};
use reqwest::Method;
use serde_json::Value;

use super::{Answer, Settings, caller, record};

/// The real program, serving.
pub struct Process {
    pub settings: Settings,
    pub url: String,
    pub admin_url: String,
    pub client: reqwest::Client,
    program: Recorded,
}

/// Its log goes on record in the end, whichever that is.
struct Recorded(Program);

impl Drop for Recorded {
    fn drop(&mut self) {
        if record::is_kept() {
            record::said("log", &self.0.log().join("\n"));
        }
    }
}

impl Process {
    /// Brings the ledger's schema up to date, and starts.
    pub async fn start(settings: Settings) -> Self {
        settings.write();
        let migrated = settings.program(&["migrate"]).await;
        assert!(migrated.ok, "{migrated:?}");
        Self::again(settings, &[]).await
    }

    /// Starts on a ledger that is migrated already, with this environment; returns when it listens.
    pub async fn again(settings: Settings, environment: &[(&str, &str)]) -> Self {
        settings.write();
        let binary = Path::new(env!("CARGO_BIN_EXE_dsn-broker"));
        let program = Program::start(binary, &settings.file(), environment).await.unwrap();
        Self {
            url: program.url().to_owned(),
            admin_url: program.admin_url().to_owned(),
            client: caller::client(&settings.ca_path),
            settings,
            program: Recorded(program),
        }
    }

    /// Starts, and returns when it is ready.
    pub async fn ready(settings: Settings) -> Self {
        let process = Self::start(settings).await;
        until(async || process.readyz().await == 200).await;
        process
    }

    /// What `/readyz` answers.
    pub async fn readyz(&self) -> u16 {
        Answer::of(self.client.get(format!("{}/readyz", self.admin_url))).await.status.as_u16()
    }

    /// The value of the metric whose line begins like this.
    pub async fn metric(&self, begins: &str) -> Option<f64> {
        let text = Answer::of(self.client.get(format!("{}/metrics", self.admin_url))).await.text;
        let line = text.lines().find(|line| line.starts_with(begins))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    /// A request with this proof; an error if it dies meanwhile.
    pub async fn call(&self, method: Method, path: &str, proof: &str) -> Result<Answer, reqwest::Error> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(proof);
        record::secret(proof);
        Answer::read(request.send().await?).await
    }

    /// A request with a good token of this subject, through a connection of its own.
    pub fn request(&self, subject: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
        let client = caller::client(&self.settings.ca_path);
        client.request(method, format!("{}{path}", self.url)).bearer_auth(self.token(subject))
    }

    /// The answer to a `GET` with a good token of this subject, through a connection of its own.
    pub async fn get(&self, subject: &str, path: &str) -> Answer {
        Answer::of(self.request(subject, Method::GET, path)).await
    }

    /// A good token for this subject.
    pub fn token(&self, subject: &str) -> String {
        self.settings.token(subject, SystemClock.now())
    }

    /// The path of a DSN.
    pub fn dsn(&self, role: &str) -> String {
        format!("/v1/dsn/{role}?ca_file={}", self.settings.ca_path.display())
    }

    /// How many sockets it has open.
    pub fn sockets(&self) -> usize {
        let open = std::fs::read_dir(self.program.0.proc().join("fd")).unwrap();
        let targets = open.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Everything that was logged so far.
    pub fn log(&self) -> Vec<String> {
        self.program.0.log()
    }

    /// How many lines were logged so far: where to look from for what comes next.
    pub fn lines(&self) -> usize {
        self.program.0.lines()
    }

    /// Waits for such a line after the first `from`.
    pub async fn said(&self, from: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        let said = tokio::time::timeout(PATIENCE, self.program.0.said(from, wanted)).await;
        said.unwrap_or_else(|_| panic!("it was not logged: {:#?}", self.log())).unwrap()
    }

    /// Sends it a signal.
    pub async fn signal(&self, name: &str) {
        self.program.0.signal(name).await.unwrap();
    }

    /// Waits for its end; answers how, and all that it said.
    pub async fn ended(mut self) -> (ExitStatus, Settings, Vec<String>) {
        let ended = tokio::time::timeout(PATIENCE, self.program.0.ended()).await;
        let (status, log) = ended.unwrap_or_else(|_| panic!("it goes on: {:#?}", self.log())).unwrap();
        (status, self.settings, log)
    }

    /// Ends it in good order; answers all that it said.
    pub async fn stop(self) -> (Settings, Vec<String>) {
        self.signal("TERM").await;
        let (status, settings, log) = self.ended().await;
        assert!(status.success(), "{status}: {log:#?}");
        (settings, log)
    }
}

/// Looks again and again until it holds.
pub async fn until(holds: impl AsyncFn() -> bool) {
    until_within(PATIENCE, holds).await;
}

/// The same with another patience, for what takes as long as a lease.
pub async fn until_within(patience: Duration, holds: impl AsyncFn() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let looking = async {
        loop {
            looks.tick().await;
            if holds().await {
                return;
            }
        }
    };
    tokio::time::timeout(patience, looking).await.expect("it did not happen");
}

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
