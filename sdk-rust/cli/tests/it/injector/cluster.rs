//! The API of a cluster as far as `dsn injector-certificate` uses it: objects with versions, over TLS.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use axum_server::tls_rustls::RustlsConfig;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devstack::Ca;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

pub struct Cluster {
    account: TempDir,
    port: u16,
    store: Arc<Store>,
}

#[derive(Default)]
struct Store(Mutex<Objects>);

#[derive(Default)]
struct Objects {
    objects: BTreeMap<String, Value>,
    version: u64,
    /// Each write that was done: the verb and the path.
    writes: Vec<(String, String)>,
    /// How many of the next writes find that another was faster.
    overtaken: u32,
    /// What is answered to each request instead.
    refusal: Option<(u16, &'static str)>,
}

impl Cluster {
    /// One with the webhook that a chart has made.
    pub async fn start() -> Self {
        let (account, ca) = (tempfile::tempdir().unwrap(), Ca::generate().unwrap());
        std::fs::write(account.path().join("ca.crt"), ca.pem()).unwrap();
        std::fs::write(account.path().join("token"), format!("{TOKEN}\n")).unwrap();
        let issued = ca.issue(&["127.0.0.1"]).unwrap();
        let certificate = CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
        let tls =
            rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let store = Arc::new(Store::default());
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&store));
        let server =
            axum_server::from_tcp_rustls(listener, RustlsConfig::from_config(Arc::new(tls))).unwrap();
        tokio::spawn(server.serve(routes.into_make_service()));
        let cluster = Self { account, port, store };
        let client =
            |service: &str| json!({ "service": { "name": service, "namespace": "dsn", "path": "/mutate" } });
        cluster.put(
            WEBHOOK,
            json!({
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": { "name": "dsn-injector", "labels": { "app": "dsn" } },
                "webhooks": [
                    { "name": "inject.dsn-broker.io", "clientConfig": client("dsn-injector"), "failurePolicy": "Fail" },
                    { "name": "other.example.com", "clientConfig": client("other") },
                ],
            }),
        );
        cluster
    }

    /// Runs the command in a pod of the cluster.
    pub async fn run(&self, options: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsn"));
        command.arg("injector-certificate").arg("--service-account").arg(self.account.path());
        for (option, value) in USUAL.iter().filter(|(option, _)| !options.contains(option)) {
            command.args([option, value]);
        }
        command.args(options).env_clear().env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        command.env("KUBERNETES_SERVICE_PORT", self.port.to_string());
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
    }

    pub async fn succeeds(&self, options: &[&str]) {
        let output = self.run(options).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Why it failed.
    pub async fn fails(&self) -> String {
        let output = self.run(&[]).await;
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Puts an object there, as another would.
    pub fn put(&self, path: &str, object: Value) {
        self.store.0.lock().unwrap().put(path, object);
    }

    pub fn object(&self, path: &str) -> Value {
        self.store.0.lock().unwrap().objects.get(path).cloned().unwrap_or_default()
    }

    /// What has been written since this was last asked.
    pub fn writes(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.store.0.lock().unwrap().writes)
    }

    /// Lets others be faster so many times.
    pub fn overtake(&self, times: u32) {
        self.store.0.lock().unwrap().overtaken = times;
    }

    pub fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        self.store.0.lock().unwrap().refusal = refusal;
    }

    /// A part of the Secret.
    pub fn secret(&self, key: &str) -> String {
        decoded(&self.object(SECRET)["data"][key])
    }

    /// What API servers trust.
    pub fn bundle(&self) -> String {
        decoded(&self.object(WEBHOOK)["webhooks"][0]["clientConfig"]["caBundle"])
    }
}

pub fn decoded(value: &Value) -> String {
    String::from_utf8(STANDARD.decode(value.as_str().unwrap_or_default()).unwrap()).unwrap()
}

impl Objects {
    fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn write(&mut self, method: &Method, path: &str, object: Value) -> Result<Value, (u16, &'static str)> {
        let (verb, path) = match *method {
            Method::POST => ("create", format!("{path}/{}", object["metadata"]["name"].as_str().unwrap())),
            _ => ("update", path.to_owned()),
        };
        if self.overtaken > 0 {
            self.overtaken -= 1;
            let other = self.objects.get(&path).cloned();
            other.map(|other| self.put(&path, other));
            return Err((409, "another was faster"));
        }
        match (verb, self.objects.get(&path)) {
            ("create", Some(_)) => return Err((409, "it exists already")),
            ("update", None) => return Err((404, "it is gone")),
            ("update", Some(there)) => {
                let version = &object["metadata"]["resourceVersion"];
                assert!(version.is_string(), "a change that heeds nobody");
                if *version != there["metadata"]["resourceVersion"] {
                    return Err((409, "the object has been modified"));
                }
                assert_eq!(object["type"], there["type"], "the type of a Secret cannot be changed");
            }
            _ => {}
        }
        self.writes.push((verb.to_owned(), path.clone()));
        Ok(self.put(&path, object))
    }
}

async fn answer(
    State(store): State<Arc<Store>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut objects = store.0.lock().unwrap();
    let is_known = headers.get("authorization").is_some_and(|proof| proof == &format!("Bearer {TOKEN}"));
    let refusal = objects.refusal.or((!is_known).then_some((401, "Unauthorized")));
    let answer = match (refusal, &method) {
        (Some(refusal), _) => Err(refusal),
        (None, &Method::GET) => objects.objects.get(uri.path()).cloned().ok_or((404, "not found")),
        (None, _) => objects.write(&method, uri.path(), serde_json::from_slice(&body).unwrap()),
    };
    match answer {
        Ok(object) => Json(object).into_response(),
        Err((code, message)) => {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code });
            (StatusCode::from_u16(code).unwrap(), Json(status)).into_response()
        }
    }
}

pub const SECRET: &str = "/api/v1/namespaces/dsn/secrets/dsn-injector";
pub const WEBHOOK: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/dsn-injector";
const TOKEN: &str = "the-token-of-the-service-account";

/// What the chart says.
const USUAL: [(&str, &str); 4] = [
    ("--service", "dsn-injector"),
    ("--namespace", "dsn"),
    ("--secret", "dsn-injector"),
    ("--webhook", "dsn-injector"),
];
