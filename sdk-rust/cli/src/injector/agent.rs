//! The containers that are put into a pod.

use serde_json::{Map, Value, json};

use crate::injector::Settings;
use crate::injector::account::{Account, USER, hardened};
use crate::injector::annotation::Notes;
use crate::injector::file;
use crate::injector::value::OnChange;
use crate::injector::volume::{BINARY, Places, TOKEN};
use crate::injector::wish::{Files, Range};

/// The agent's container.
pub(crate) fn agent(
    settings: &Settings,
    files: &Files,
    account: &Account,
    places: &Places,
    ca_pem: Option<&str>,
    notes: &mut Notes,
) -> Value {
    let configuration = configuration(settings, files, account, ca_pem);
    if configuration.len() > LONGEST {
        notes.mistake(format!(
            "the annotations come to a configuration of more than {LONGEST} bytes: make the templates shorter"
        ));
    }
    // What it would end with in the pod is refused here: a template, mostly.
    if let Some(refusal) = crate::agent::refusal(&configuration) {
        notes.mistake(refusal);
    }
    let mut mounts: Vec<_> = places.mounts(false).collect();
    mounts.push(TOKEN.mount());
    let mut container = json!({
        "name": NAME,
        "image": settings.image,
        "command": [settings.agent_binary],
        "args": if files.is_once { json!(["run-agent", "--once"]) } else { json!(["run-agent"]) },
        "env": [{ "name": CONFIGURATION, "value": configuration }, instance()],
        "resources": resources(settings, &files.agent.cpu, &files.agent.memory),
        "volumeMounts": mounts,
        "securityContext": account.security(),
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    if !files.is_once {
        let ready = json!([settings.agent_binary, "run-agent", "--is-ready"]);
        set(&mut container, "restartPolicy", "Always".into());
        // What comes after it waits for this. It goes on asking for as long as it takes.
        let probe = json!({ "exec": { "command": ready }, "periodSeconds": 1, "timeoutSeconds": 5, "successThreshold": 1, "failureThreshold": 3600 });
        set(&mut container, "startupProbe", probe);
    }
    pull(settings, &mut container);
    container
}

/// The container that puts `dsn` where programs of other images find it.
pub(crate) fn installer(settings: &Settings) -> Value {
    let mut context = hardened();
    set(&mut context, "runAsUser", USER.into());
    set(&mut context, "runAsGroup", USER.into());
    let none = Range::default();
    let mut container = json!({
        "name": INSTALLER,
        "image": settings.image,
        "command": [settings.agent_binary],
        "args": ["install", installed()],
        "resources": resources(settings, &none, &none),
        "volumeMounts": [{ "name": BINARY.name, "mountPath": BINARY.path }],
        "securityContext": context,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    pull(settings, &mut container);
    container
}

/// Where programs find `dsn`.
pub(crate) fn installed() -> String {
    format!("{}/dsn", BINARY.path)
}

/// Whether a container that has the name of ours is what we would put there. Others may have changed in it what is
/// theirs to change: the image's registry, resources, defaults.
pub(crate) fn is_ours(there: &Value, ours: &Value) -> bool {
    let files = |container: &Value| {
        let mut configuration: Value = serde_json::from_str(text(container)?).ok()?;
        let files = configuration.get_mut("files")?.as_array_mut()?;
        // They follow from the users of the other containers, of which there may be more now.
        files.iter_mut().filter_map(Value::as_object_mut).for_each(|file| drop(file.remove("mode")));
        Some(configuration)
    };
    there.get("args") == ours.get("args")
        && there.get("restartPolicy") == ours.get("restartPolicy")
        && files(there) == files(ours)
}

/// The agent's configuration in its container.
fn text(container: &Value) -> Option<&str> {
    let environment = container.get("env")?.as_array()?;
    let variable =
        environment.iter().find(|it| it.get("name").and_then(Value::as_str) == Some(CONFIGURATION))?;
    variable.get("value")?.as_str()
}

/// What `dsn run-agent` reads. There is nothing secret in it.
fn configuration(settings: &Settings, files: &Files, account: &Account, ca_pem: Option<&str>) -> String {
    let mut broker = json!({ "url": settings.broker_url, "token_file": TOKEN.file() });
    if let Some(pem) = ca_pem {
        set(&mut broker, "ca_pem", pem.into());
    }
    let mut configuration = json!({
        "broker": broker,
        "ready": { "file": file::ready(&files.folder) },
        "files": files.files.iter().map(|file| file.configuration(account.mode)).collect::<Vec<_>>(),
    });
    let on_change = files.on_change.as_ref().map(|on_change| match on_change {
        OnChange::Signal { name, process } => json!([{ "signal": name, "process": process }]),
        OnChange::Command(command) => json!([{ "command": command }]),
    });
    if let Some(on_change) = on_change {
        set(&mut configuration, "on_change", on_change);
    }
    // Kubernetes would put variables in the place of `$(NAME)`.
    configuration.to_string().replace('$', "\\u0024")
}

/// Tells the broker which of a service's pods this is.
pub(crate) fn instance() -> Value {
    let field = json!({ "apiVersion": "v1", "fieldPath": "metadata.uid" });
    json!({ "name": "DSN_BROKER_INSTANCE", "valueFrom": { "fieldRef": field } })
}

fn resources(settings: &Settings, cpu: &Range, memory: &Range) -> Value {
    let or = |wished: &Option<String>, usual: &String| wished.as_ref().unwrap_or(usual).clone();
    json!({
        "requests": { "cpu": or(&cpu.request, &settings.agent_cpu_request), "memory": or(&memory.request, &settings.agent_memory_request) },
        "limits": { "cpu": or(&cpu.limit, &settings.agent_cpu_limit), "memory": or(&memory.limit, &settings.agent_memory_limit) },
    })
}

fn pull(settings: &Settings, container: &mut Value) {
    if let Some(policy) = settings.image_pull_policy {
        set(container, "imagePullPolicy", policy.as_str().into());
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    object.as_object_mut().unwrap_or(&mut Map::new()).insert(key.to_owned(), value);
}

/// What the containers are called.
pub(crate) const NAME: &str = "dsn-agent";
pub(crate) const INSTALLER: &str = "dsn-install";
const CONFIGURATION: &str = "DSN_AGENT_CONFIG";

/// The longest configuration, in bytes: the kernel starts no program with a longer variable than 128 KiB.
const LONGEST: usize = 120 * 1024;
