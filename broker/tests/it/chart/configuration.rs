//! What the chart mounts is what the broker wants: its own configuration, with every file where that says and as
//! unreadable for others as it must be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use devstack::Ca;
use serde_json::Value;

use super::tools::render;
use super::{objects, of_kind, reviewed, sets};
use crate::cli::program::{Ended, end, program, settings};
use crate::stand::{repository, run};

/// What is in the files that are mounted.
struct Contents {
    ca: Ca,
    ledger_url: String,
    owner_url: String,
}

impl Contents {
    fn made_up() -> Self {
        let url = |user| format!("postgres://{user}:secret@ledger.example.com/ledger");
        Self { ca: Ca::generate().unwrap(), ledger_url: url("writer"), owner_url: url("owner") }
    }

    fn of(&self, path: &str) -> String {
        let name = path.rsplit('/').next().unwrap();
        match name {
            "ledger-url" => self.ledger_url.clone(),
            "redis-url" => "rediss://broker:secret@redis.example.com/0".to_owned(),
            name if path.starts_with("owner/") || name == "owner-url" => self.owner_url.clone(),
            name if name.starts_with("seal-") || name == "audit-key" => KEY.to_owned(),
            name if name.ends_with(".pem") => self.ca.pem().to_owned(),
            _ => "a-secret-of-some-length".to_owned(),
        }
    }

    /// Makes the files of the projected volume that has the configuration, and runs the program as the container does.
    async fn run_in_pod(&self, all: &[Value], pod: &Value) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        self.mount(all, pod, folder.path());
        let container = &pod["containers"][0];
        let arguments = container["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap());
        let there = folder.path().to_str().unwrap();
        let arguments: Vec<_> = arguments.map(|it| it.replace(MOUNTED, there)).collect();
        // What would go on for ever is looked at alone.
        let arguments: Vec<_> = arguments
            .iter()
            .map(|it| if it == "serve" { "check" } else { it })
            .filter(|it| *it != "--live")
            .collect();
        let mut command = program(&arguments);
        for variable in container["env"].as_array().into_iter().flatten() {
            command.env(variable["name"].as_str().unwrap(), KEY);
        }
        end(command).await
    }

    fn mount(&self, all: &[Value], pod: &Value, folder: &Path) {
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        assert!(mounts.iter().any(|it| it["mountPath"] == MOUNTED && it["readOnly"] == true));
        let volumes = pod["volumes"].as_array().unwrap();
        let volume = &volumes.iter().find(|it| it["name"] == "configuration").unwrap()["projected"];
        let mode = mode(&volume["defaultMode"]);
        let issued = self.ca.issue(&["broker.example.com"]).unwrap();
        for source in volume["sources"].as_array().unwrap() {
            let (from, of) =
                ["secret", "configMap"].iter().find_map(|it| Some((*it, source.get(it)?))).unwrap();
            for item in of["items"].as_array().unwrap() {
                let path = item["path"].as_str().unwrap();
                let text = match path {
                    "broker.yaml" => {
                        assert_eq!(from, "configMap");
                        configuration(all, of["name"].as_str().unwrap())
                    }
                    "tls/tls.crt" => issued.certificate_pem.clone(),
                    "tls/tls.key" => issued.key_pem.clone(),
                    other => self.of(other),
                };
                let file = folder.join(path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, text).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
    }
}

#[test]
fn the_broker_takes_each_configuration_as_it_is_mounted() {
    run(async {
        let contents = Contents::made_up();
        for set in sets() {
            let all = objects(&reviewed(&set));
            let brokers =
                of_kind(&all, "Deployment").into_iter().filter(|(name, _)| !name.ends_with("-injector"));
            let deployments = brokers.map(|(_, deployment)| &deployment["spec"]["template"]["spec"]);
            let tests = of_kind(&all, "Pod").into_iter().map(|(_, pod)| &pod["spec"]);
            for pod in deployments.chain(tests) {
                let checked = contents.run_in_pod(&all, pod).await;
                assert_eq!(checked.code, Some(0), "{set}: {}{}", checked.stdout, checked.stderr);
            }
        }
    });
}

#[test]
fn a_secret_that_others_could_read_is_refused() {
    run(async {
        let open = reviewed("minimal").replace("defaultMode: 0440", "defaultMode: 0444");
        let all = objects(&open);
        let (_, deployment) = of_kind(&all, "Deployment")[0];
        let pod = &deployment["spec"]["template"]["spec"];
        let checked = Contents::made_up().run_in_pod(&all, pod).await;
        assert!(checked.code == Some(1) && checked.stderr.contains("mode 0444"), "{}", checked.stderr);
    });
}

/// The Job sees the ledger's secrets and no other, and the replicas never see the owner's.
#[test]
fn the_migration_is_done_with_the_ledgers_secrets_alone() {
    run(async {
        let mut settings = settings().await;
        settings.config["ledger"]["owner_url"] = Value::Null;
        let contents = Contents {
            ca: Ca::generate().unwrap(),
            ledger_url: settings.writer_url.clone(),
            owner_url: settings.owner_url.clone(),
        };
        // The world's servers have a CA of their own.
        let ca = settings.ca_path.to_str().unwrap();
        let there = reviewed("minimal").replace("    ledger:\n", &format!("    ledger:\n      ca: {ca}\n"));
        let all = objects(&there);
        let job = of_kind(&all, "Job").into_iter().find(|(name, _)| name.ends_with("-migrate")).unwrap().1;
        let pod = &job["spec"]["template"]["spec"];
        let paths = paths(pod);
        assert_eq!(paths, ["broker.yaml", "owner/url", "secrets/ledger-url"]);
        let migrated = contents.run_in_pod(&all, pod).await;
        assert_eq!(migrated.code, Some(0), "{}", migrated.stderr);
        let tables = "select count(*) from information_schema.tables where table_name = 'audit_events'";
        let found = settings.world.ledger().query_text(&settings.ledger, tables).await.unwrap();
        assert_eq!(found.trim(), "1");
        for set in sets() {
            for (_, deployment) in of_kind(&objects(&reviewed(&set)), "Deployment") {
                let text = deployment.to_string();
                assert!(!text.contains("-owner\"") && !text.contains("owner/url"), "{set}: {text}");
            }
        }
    });
}

/// Whatever the broker can be told, the chart can: `broker/config.example.yaml` has every key.
#[test]
fn every_key_of_the_broker_passes_through() {
    run(async {
        let example = fs::read_to_string(repository().join("broker/config.example.yaml")).unwrap();
        let indented: String = example.lines().map(|line| format!("  {line}\n")).collect();
        let folder = tempfile::tempdir().unwrap();
        let values = folder.path().join("values.yaml");
        fs::write(&values, format!("tls: {{ secretName: tls }}\nconfig:\n{indented}")).unwrap();
        let Some(rendered) = render(&values).await else { return };
        assert!(rendered.ok, "{}", rendered.stderr);
        let passed: Value =
            serde_saphyr::from_str(&configuration(&objects(&rendered.stdout), "broker-dsn-broker")).unwrap();
        let expected: Value = serde_saphyr::from_str(&example).unwrap();
        assert_eq!(sorted(&passed), sorted(&expected));
    });
}

/// The text of the configuration in a ConfigMap.
fn configuration(all: &[Value], name: &str) -> String {
    let (_, map) = of_kind(all, "ConfigMap").into_iter().find(|(it, _)| *it == name).unwrap();
    map["data"]["broker.yaml"].as_str().unwrap().to_owned()
}

/// The paths of all files that are mounted, sorted.
fn paths(pod: &Value) -> Vec<&str> {
    let sources = pod["volumes"][0]["projected"]["sources"].as_array().unwrap();
    let maps = sources.iter().flat_map(|source| source.as_object().unwrap().values());
    let items = maps.flat_map(|source| source["items"].as_array().unwrap());
    let mut paths: Vec<_> = items.map(|item| item["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    paths
}

/// Kubernetes reads `0440` as YAML 1.1 does, in base 8; here it is the number 440.
fn mode(value: &Value) -> u32 {
    u32::from_str_radix(&value.as_f64().unwrap().to_string(), 8).unwrap()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// Where the chart mounts it.
const MOUNTED: &str = "/etc/dsn-broker";

/// 32 bytes in base64.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
