//! Pods as they were reviewed: `pods/NAME.json` becomes `pods/NAME.golden.json`. `make generate` writes them anew.

use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::injector::webhook::{Webhook, folder, pods};
use crate::scene::run;

#[test]
fn what_each_pod_becomes_is_as_it_was_reviewed() {
    run(async {
        let webhook = Webhook::shared().await;
        let write = std::env::var_os("WRITE_GOLDEN").is_some();
        let mut stale = Vec::new();
        for (name, pod) in pods() {
            let answer = webhook.create(&pod).await;
            let applied = answer.applied(&pod);
            let golden = json!({ "warnings": answer.warnings, "pod": applied });
            let text = serde_json::to_string_pretty(&golden).unwrap() + "\n";
            let file = folder().join(format!("{name}.golden.json"));
            if write {
                std::fs::write(&file, text).unwrap();
            } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
                stale.push(name.clone());
            }
            let again = webhook.create(&applied).await;
            assert!(again.allowed && again.patch.is_empty(), "{name} is changed twice: {again:?}");
            let warnings: usize = answer.warnings.iter().map(String::len).sum();
            assert!(warnings < 4096, "{name}: Kubernetes cuts off what is longer");
        }
        assert!(stale.is_empty(), "stale: {stale:?}. Run `make generate`, and review what has changed");
        let files = std::fs::read_dir(folder()).unwrap().count();
        assert_eq!(files, 2 * pods().len(), "there is a golden pod for a pod that is none");
    });
}

#[test]
fn the_agent_gets_a_configuration_that_it_can_read() {
    run(async {
        let webhook = Webhook::shared().await;
        let mut read = 0;
        for (name, pod) in pods() {
            let applied = webhook.create(&pod).await.applied(&pod);
            let Some(text) = configuration(&applied) else { continue };
            assert!(!text.contains('$'), "{name}: Kubernetes would replace $(NAME)");
            let parsed: Configuration =
                serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(parsed.broker.url, "https://dsn-broker.dsn.svc");
            assert!(parsed.broker.ca_pem.contains("BEGIN CERTIFICATE"));
            let token = "/var/run/secrets/dsn-broker.io/token";
            assert_eq!(
                (parsed.broker.token_file.as_str(), mounted(&applied, "dsn-agent", token)),
                (token, Some("ro"))
            );
            assert_eq!(mounted(&applied, "dsn-agent", &parsed.ready.file), Some("rw"), "{name}");
            for file in &parsed.files {
                assert!(file.format.is_some() != file.template.is_some());
                assert_eq!(mounted(&applied, "dsn-agent", &file.path), Some("rw"), "{name}");
                assert_eq!(mounted(&applied, "web", &file.path).unwrap_or("ro"), "ro", "{name}");
            }
            read += parsed.files.len();
        }
        assert!(read > 10);
    });
}

#[test]
fn a_template_reaches_the_agent_as_it_was_written() {
    run(async {
        let webhook = Webhook::shared().await;
        let pod = pods().remove("several-files").unwrap();
        let applied = webhook.create(&pod).await.applied(&pod);
        let parsed: Configuration = serde_saphyr::from_str(configuration(&applied).unwrap()).unwrap();
        let template = parsed.files.iter().find_map(|file| file.template.as_deref());
        assert_eq!(template, pod["metadata"]["annotations"]["dsn-broker.io/template-billing"].as_str());
    });
}

/// The agent's own word.
#[test]
fn the_agent_itself_accepts_its_configuration() {
    run(async {
        let webhook = Webhook::shared().await;
        let dsn = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_dsn"));
            command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
            command
        };
        for (name, pod) in pods() {
            let applied = webhook.create(&pod).await.applied(&pod);
            let Some(text) = configuration(&applied) else { continue };
            let checked =
                dsn().args(["run-agent", "--check"]).env("DSN_AGENT_CONFIG", text).output().await.unwrap();
            assert!(checked.status.success(), "{name}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    });
}

/// What is in the agent's environment.
fn configuration(pod: &Value) -> Option<&str> {
    let agent = pod["spec"]["initContainers"].as_array()?.iter().find(|it| it["name"] == "dsn-agent")?;
    agent["env"].as_array()?.iter().find(|it| it["name"] == "DSN_AGENT_CONFIG")?["value"].as_str()
}

/// How a container can use a path: by one of our volumes, which are there.
fn mounted<'a>(pod: &'a Value, container: &str, path: &str) -> Option<&'a str> {
    let lists = [&pod["spec"]["initContainers"], &pod["spec"]["containers"]];
    let mut all = lists.into_iter().filter_map(Value::as_array).flatten();
    let mounts = all.find(|it| it["name"] == container)?["volumeMounts"].as_array()?;
    let folder = path.rsplit_once('/')?.0;
    let mount = mounts.iter().find(|mount| mount["mountPath"] == folder)?;
    let volumes = pod["spec"]["volumes"].as_array()?;
    assert_eq!(volumes.iter().filter(|volume| volume["name"] == mount["name"]).count(), 1);
    Some(if mount["readOnly"] == true { "ro" } else { "rw" })
}

/// What the agent reads, as far as the injector writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    broker: Broker,
    ready: Ready,
    files: Vec<File>,
    #[serde(default, rename = "on_change")]
    _on_change: Vec<OnChange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Broker {
    url: String,
    ca_pem: String,
    token_file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ready {
    file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    path: String,
    #[serde(rename = "role")]
    _role: String,
    format: Option<String>,
    template: Option<String>,
    #[serde(rename = "endpoint")]
    _endpoint: Option<String>,
    #[serde(rename = "os")]
    _os: Option<String>,
    #[serde(rename = "mode")]
    _mode: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnChange {
    #[serde(rename = "command")]
    _command: Option<Vec<String>>,
    #[serde(rename = "signal")]
    _signal: Option<String>,
    #[serde(rename = "process")]
    _process: Option<String>,
}
