//! The chart in a real API server, with the real injector behind its webhook: what the API server itself makes of pods.
//!
//! What the chart would run in pods is run here with the arguments that it gives them.

use std::process::{Output, Stdio};
use std::time::Duration;

use devstack::{Ca, Kubernetes, Port};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::injector::cluster::decoded;
use crate::injector::webhook::{pod, pods};
use crate::scene::run;

#[test]
fn a_real_api_server_calls_the_injector_that_the_chart_set_up() {
    run(async {
        if !Kubernetes::is_installed_for("the injector in a real API server") {
            return;
        }
        let scene = Scene::start().await;
        let (plain, asking) = (pod(&[]), pod(&[("dsn-broker.io/inject", "orders-reader")]));

        // Nobody answers yet: who asks is refused, and nobody else is held up.
        scene.until(&asking, |outcome| matches!(outcome, Err(error) if error.contains(UNANSWERED))).await;
        scene.create(&plain).await.unwrap();

        let certified = scene.certify(scene.job_account()).await;
        assert!(certified.status.success(), "{}", String::from_utf8_lossy(&certified.stderr));
        let mut injector = scene.start_injector().await;
        scene.until(&asking, Result::is_ok).await;

        // What it makes of a pod is a pod.
        for (name, pod) in pods() {
            let annotations = pod["metadata"]["annotations"].as_object();
            let has =
                |begin: &str| annotations.is_some_and(|all| all.keys().any(|key| key.starts_with(begin)));
            // Those of others are not understood unless that is asked for.
            if has("vault.hashicorp.com/") || has("openbao.org/") {
                continue;
            }
            let asks = has("dsn-broker.io/");
            let made = scene.create(&pod).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let status = made["metadata"]["annotations"]["dsn-broker.io/status"].as_str();
            assert_eq!(status, asks.then_some("injected"), "{name}: {made}");
        }
        let made = scene.create(&asking).await.unwrap();
        let agent = &made["spec"]["initContainers"][0];
        assert_eq!(
            (&agent["name"], &agent["restartPolicy"]),
            (&json!("dsn-agent"), &json!("Always")),
            "{made}"
        );
        assert!(scene.create(&plain).await.unwrap()["spec"]["initContainers"].is_null());
        // The chart's own pods depend on nobody.
        let mut own = asking.clone();
        own["metadata"]["namespace"] = NAMESPACE.into();
        let own = scene.kubernetes.create(&own).await.unwrap();
        assert!(own["spec"]["initContainers"].is_null(), "{own}");
        // What the injector says against a pod, the caller reads.
        let wrong = pod(&[("dsn-broker.io/inject", "orders-reader"), ("dsn-broker.io/no-such", "x")]);
        let error = scene.create(&wrong).await.unwrap_err();
        assert!(error.contains("denied the request") && error.contains("dsn-broker.io/no-such"), "{error}");

        injector.kill().await.unwrap();
        let error = scene.create(&asking).await.unwrap_err();
        assert!(error.contains(UNANSWERED), "{error}");
        scene.create(&plain).await.unwrap();

        // The job may do what it must, and no more.
        let error = scene.certify("default").await;
        assert!(!error.status.success());
        assert!(String::from_utf8_lossy(&error.stderr).contains("is forbidden"), "{error:?}");
        let (secret, webhook) = (argument(&scene.job, "--secret="), argument(&scene.job, "--webhook="));
        for (deed, allowed) in [
            (to_secrets("get", secret), true),
            (to_secrets("get", "dsn-broker"), false),
            (to_secrets("list", ""), false),
            (to_secrets("delete", secret), false),
            (to_webhooks("update", webhook), true),
            (to_webhooks("update", "other"), false),
            (to_webhooks("create", ""), false),
        ] {
            let said = scene.kubernetes.may(NAMESPACE, scene.job_account(), &deed).await.unwrap();
            assert_eq!(said, allowed, "{deed}");
        }
    });
}

/// The objects of the chart, as they were reviewed, in an API server; and a namespace for applications beside them.
struct Scene {
    kubernetes: Kubernetes,
    folder: TempDir,
    /// What the Job runs, and as whom.
    job: Value,
    /// What the Deployment runs.
    deployment: Value,
    port: Port,
}

impl Scene {
    async fn start() -> Self {
        let kubernetes = Kubernetes::start(&Ca::generate().unwrap()).await.unwrap();
        let port = Port::claim().unwrap();
        for namespace in [NAMESPACE, "shop"] {
            kubernetes.create_namespace(namespace).await.unwrap();
        }
        for account in ["web", "report"] {
            kubernetes.create_service_account("shop", account).await.unwrap();
        }
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm/tests/golden/minimal.yaml");
        let golden = std::fs::read_to_string(golden).unwrap();
        let mut objects: Vec<Value> = golden
            .split("\n---\n")
            .map(|document| serde_saphyr::from_str(document.trim_start_matches("---\n")).unwrap())
            .collect();
        let running = |command: &str| {
            let pods = objects.iter().map(|object| &object["spec"]["template"]["spec"]);
            let mut pods = pods.filter(|pod| pod["containers"][0]["args"][0] == command);
            pods.next().unwrap_or_else(|| panic!("nothing runs {command}")).clone()
        };
        let (job, deployment) = (running("injector-certificate"), running("injector"));
        for object in &mut objects {
            match (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap()) {
                // There is no network of a cluster here. The name is the same, and so is the certificate.
                ("Service", name) if name == argument(&job, "--service=") => {
                    object["spec"] = json!({ "type": "ExternalName", "externalName": "localhost" });
                }
                ("MutatingWebhookConfiguration", _) => {
                    object["webhooks"][0]["clientConfig"]["service"]["port"] = port.number().into();
                }
                _ => {}
            }
            // The others have no part in it.
            let kind = object["kind"].as_str().unwrap();
            if kind.contains("Role")
                || ["ServiceAccount", "Service", "MutatingWebhookConfiguration"].contains(&kind)
            {
                kubernetes.create(object).await.unwrap();
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { kubernetes, folder, job, deployment, port };
        for deed in [to_secrets("create", ""), to_webhooks("update", argument(&scene.job, "--webhook="))] {
            scene.kubernetes.until_may(NAMESPACE, scene.job_account(), &deed).await.unwrap();
        }
        scene
    }

    /// Whom the Job runs as.
    fn job_account(&self) -> &str {
        self.job["serviceAccountName"].as_str().unwrap()
    }

    /// Tries to create a pod in the namespace of an application; nothing of it is kept.
    async fn create(&self, pod: &Value) -> Result<Value, String> {
        let path = "/api/v1/namespaces/shop/pods?dryRun=All&fieldValidation=Strict";
        self.kubernetes.ask(Method::POST, path, Some(pod)).await.map_err(|error| format!("{error:#}"))
    }

    /// Tries again and again: an API server learns in the background what was changed in it.
    async fn until(&self, pod: &Value, done: impl Fn(&Result<Value, String>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let outcome = self.create(pod).await;
            if done(&outcome) {
                return;
            }
            assert!(Instant::now() < deadline, "it did not happen: {outcome:?}");
        }
    }

    /// Runs what the chart's Job runs, as this service account.
    async fn certify(&self, account: &str) -> Output {
        let token = self.kubernetes.mint(NAMESPACE, account, self.kubernetes.issuer(), None).await.unwrap();
        std::fs::write(self.folder.path().join("token"), token).unwrap();
        std::fs::write(self.folder.path().join("ca.crt"), self.kubernetes.ca_pem()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_dsn"));
        command.args(arguments(&self.job)).arg("--service-account").arg(self.folder.path()).env_clear();
        command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        command.env("KUBERNETES_SERVICE_PORT", self.kubernetes.port().to_string());
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
    }

    /// Starts what the chart's Deployment starts, with the certificate in the Secret.
    async fn start_injector(&self) -> Child {
        let path = format!("/api/v1/namespaces/{NAMESPACE}/secrets/{}", argument(&self.job, "--secret="));
        let secret = self.kubernetes.ask(Method::GET, &path, None).await.unwrap();
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| {
            let file = self.folder.path().join(name);
            std::fs::write(&file, decoded(&secret["data"][name])).unwrap();
            file
        });
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(env!("CARGO_BIN_EXE_dsn"));
        let is_elsewhere = |argument: &&str| {
            ["--listen=", "--cert=", "--key="].iter().any(|name| argument.starts_with(name))
        };
        command.args(arguments(&self.deployment).filter(|argument| !is_elsewhere(argument)));
        command.arg(format!("--listen=127.0.0.1:{}", self.port.number()));
        command.arg("--cert").arg(certificate).arg("--key").arg(key).env_clear();
        command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().expect("setpriv starts")
    }
}

/// What the only container of a pod is given.
fn arguments(pod: &Value) -> impl Iterator<Item = &str> {
    pod["containers"][0]["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap())
}

fn argument<'a>(pod: &'a Value, name: &str) -> &'a str {
    arguments(pod).find_map(|argument| argument.strip_prefix(name)).unwrap()
}

fn to_secrets(verb: &str, name: &str) -> Value {
    json!({ "verb": verb, "resource": "secrets", "name": name, "namespace": NAMESPACE })
}

fn to_webhooks(verb: &str, name: &str) -> Value {
    json!({
        "verb": verb,
        "group": "admissionregistration.k8s.io",
        "resource": "mutatingwebhookconfigurations",
        "name": name,
    })
}

const UNANSWERED: &str = "failed calling webhook \"pods.dsn-broker.io\"";
const NAMESPACE: &str = "dsn";
