//! The real injector, and what API servers send to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devstack::Ca;
use reqwest::{Client, ClientBuilder, Response};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A running injector. It ends when this is dropped, and when the process that holds it is gone.
pub struct Webhook {
    pub folder: TempDir,
    pub ca: Ca,
    address: String,
    child: Child,
}

/// What became of a pod.
#[derive(Debug)]
pub struct Answer {
    pub allowed: bool,
    pub code: u64,
    pub message: String,
    pub warnings: Vec<String>,
    pub patch: Vec<Value>,
}

impl Webhook {
    /// One that understands Vault's annotations, for all tests.
    pub async fn shared() -> &'static Self {
        static WEBHOOK: OnceCell<Webhook> = OnceCell::const_new();
        // It ends with the thread that has started it, which must not be that of a test.
        let start = || Self::start(&["--vault-annotations", "--broker-ca", BROKER_CA]);
        WEBHOOK.get_or_init(async || tokio::spawn(start()).await.unwrap()).await
    }

    pub async fn start(options: &[&str]) -> Self {
        let ca = Ca::generate().unwrap();
        let issued = ca.issue(&["localhost"]).unwrap();
        Self { ca, ..Self::start_with(&issued.certificate_pem, &issued.key_pem, options).await }
    }

    /// One with this certificate, of an authority that the test knows.
    pub async fn start_with(certificate: &str, key: &str, options: &[&str]) -> Self {
        let (folder, ca) = (tempfile::tempdir().unwrap(), Ca::generate().unwrap());
        std::fs::write(folder.path().join("server.crt"), certificate).unwrap();
        std::fs::write(folder.path().join("server.key"), key).unwrap();
        let mut child = command(folder.path(), options)
            .args(["--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("setpriv starts");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().unwrap_or_default();
        let port = first.strip_prefix("dsn: listening on 127.0.0.1:").unwrap_or_else(|| panic!("{first}"));
        let address = format!("https://localhost:{port}");
        // What it says is taken, so that it never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { folder, ca, address, child }
    }

    /// Tells it to end, and waits until it has.
    pub async fn end(mut self) -> ExitStatus {
        let process = self.child.id().unwrap().to_string();
        assert!(
            Command::new("sh").args(["-c", "kill -s TERM $0", &process]).status().await.unwrap().success()
        );
        self.child.wait().await.unwrap()
    }

    pub fn port(&self) -> u16 {
        self.address.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// A client that trusts what API servers would, with connections of its own.
    pub fn client(&self) -> Client {
        client(self.ca.pem())
    }

    /// Speaks TLS over a connection.
    pub async fn connect(&self, tcp: TcpStream) -> TlsStream<TcpStream> {
        let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(trusting(self.ca.pem()))).connect(name, tcp).await.unwrap()
    }

    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Response {
        let request = self.client().post(self.url("/mutate")).header("content-type", "application/json");
        request.body(body).send().await.unwrap()
    }

    /// The answer to a review that was well-formed.
    pub async fn answer(&self, review: &Value) -> Answer {
        let response = self.post(review.to_string()).await;
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let answer: Value = response.json().await.unwrap();
        assert_eq!((&answer["apiVersion"], &answer["kind"]), (&review["apiVersion"], &review["kind"]));
        let response = &answer["response"];
        assert_eq!(response["uid"], review["request"]["uid"]);
        let patch = response["patch"].as_str().map_or_else(Vec::new, |patch| {
            assert_eq!(response["patchType"], "JSONPatch");
            serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap()
        });
        Answer {
            allowed: response["allowed"].as_bool().unwrap(),
            code: response["status"]["code"].as_u64().unwrap_or_default(),
            message: response["status"]["message"].as_str().unwrap_or_default().to_owned(),
            warnings: serde_json::from_value(response["warnings"].clone()).unwrap_or_default(),
            patch,
        }
    }

    /// What becomes of a pod that is created.
    pub async fn create(&self, pod: &Value) -> Answer {
        self.answer(&review(pod)).await
    }
}

impl Answer {
    /// The pod as it is stored then.
    pub fn applied(&self, pod: &Value) -> Value {
        assert!(self.allowed, "{}", self.message);
        let patch: json_patch::Patch = serde_json::from_value(self.patch.clone().into()).unwrap();
        let mut pod = pod.clone();
        json_patch::patch(&mut pod, &patch).unwrap();
        pod
    }
}

/// The injector, to be run with a certificate that is in this folder.
pub fn command(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(env!("CARGO_BIN_EXE_dsn")).arg("injector");
    command.arg("--cert").arg(folder.join("server.crt")).arg("--key").arg(folder.join("server.key"));
    command.args(["--broker-url", "https://dsn-broker.dsn.svc", "--image", "registry.example/dsn:1"]);
    command.args(options).env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub fn client(ca_pem: &str) -> Client {
    client_of(ca_pem).build().unwrap()
}

pub fn client_of(ca_pem: &str) -> ClientBuilder {
    Client::builder().tls_backend_preconfigured(trusting(ca_pem)).no_proxy()
}

fn trusting(ca_pem: &str) -> rustls::ClientConfig {
    // rustls is used without a default for the process, as in the program.
    let mut roots = rustls::RootCertStore::empty();
    for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(ca.unwrap()).unwrap();
    }
    rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The request to create a pod, as an API server sends it.
pub fn review(pod: &Value) -> Value {
    let mut review: Value = serde_json::from_str(include_str!("review.json")).unwrap();
    review["request"]["object"] = pod.clone();
    review
}

/// The pods of the golden tests, by name.
pub fn pods() -> BTreeMap<String, Value> {
    let read = |path: PathBuf| {
        let name = path.file_name()?.to_str()?.strip_suffix(".json")?.to_owned();
        let pod = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        (!name.ends_with(".golden")).then_some((name, pod))
    };
    std::fs::read_dir(folder()).unwrap().filter_map(|entry| read(entry.unwrap().path())).collect()
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/injector/pods")
}

/// A pod with these annotations, and nothing else that is particular.
pub fn pod(annotations: &[(&str, &str)]) -> Value {
    let annotations: BTreeMap<_, _> = annotations.iter().copied().collect();
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "web-", "annotations": annotations },
        "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
    })
}

/// A certificate that was made once, for golden pods: it verifies nothing.
const BROKER_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/injector/broker-ca.pem");
