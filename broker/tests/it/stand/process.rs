//! The broker as a process of its own.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::sync::oneshot;

use super::{Answer, Settings, caller, program};

/// The real program, serving.
pub struct Process {
    pub url: String,
    pub admin_url: String,
    pub client: reqwest::Client,
    child: Child,
    log: Arc<Mutex<String>>,
    reading: tokio::task::JoinHandle<()>,
}

impl Process {
    /// Starts it with this environment and waits until it listens.
    pub async fn start(settings: &mut Settings, environment: &[(&str, &str)]) -> Self {
        settings.config["server"]["log"] = "json".into();
        settings.write();
        let mut command = program(&settings.file(), &["serve"]);
        command.envs(environment.iter().copied()).stderr(Stdio::piped()).stdout(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let (listening, listens) = oneshot::channel();
        let reading = tokio::spawn({
            let log = Arc::clone(&log);
            async move {
                let mut listening = Some(listening);
                while let Ok(Some(line)) = lines.next_line().await {
                    if line.contains(r#""message":"listening""#)
                        && let Some(listening) = listening.take()
                    {
                        let line: Value = serde_json::from_str(&line).unwrap();
                        let port =
                            |name: &str| line[name].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
                        let _ = listening.send((port("public"), port("admin")));
                    }
                    let mut log = log.lock().unwrap();
                    log.push_str(&line);
                    log.push('\n');
                }
            }
        });
        let Ok((public, admin)) = listens.await else { panic!("it does not start: {}", log.lock().unwrap()) };
        Self {
            url: format!("https://localhost:{public}"),
            admin_url: format!("http://localhost:{admin}"),
            client: caller::client(&settings.ca_path),
            child,
            log,
            reading,
        }
    }

    /// A request with this proof; an error if it dies meanwhile.
    pub async fn call(
        &self,
        method: reqwest::Method,
        path: &str,
        proof: &str,
    ) -> Result<Answer, reqwest::Error> {
        let request = self.client.request(method, format!("{}{path}", self.url)).bearer_auth(proof);
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, text: response.text().await? })
    }

    /// Waits until it has ended by itself.
    pub async fn wait(mut self) -> ExitStatus {
        self.child.wait().await.unwrap()
    }

    /// Sends it this signal.
    pub async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = tokio::process::Command::new("kill").args(["-s", name, &id]).status().await.unwrap();
        assert!(sent.success());
    }

    /// All that it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Ends it in good order; answers all that it said.
    pub async fn stop(mut self) -> String {
        self.signal("TERM").await;
        let status = self.child.wait().await.unwrap();
        self.reading.await.unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(status.success(), "{status}: {log}");
        log
    }
}
