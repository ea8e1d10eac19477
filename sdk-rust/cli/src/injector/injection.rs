//! A wish, fulfilled: what is missing in the pod is put there, and what is there stays as it is.
//!
//! So a pod that has it all is not changed, however it came by it: what it says of itself (`status`) is not believed.

use serde_json::{Value, json};

use crate::injector::Settings;
use crate::injector::account::{Account, SECURITY};
use crate::injector::agent::{self, INSTALLER, NAME};
use crate::injector::annotation::{Notes, PREFIX, meant};
use crate::injector::pod::{CONTAINERS, Container, INIT_CONTAINERS, Kind, Pod};
use crate::injector::value::OnChange;
use crate::injector::volume::{self, BINARY, Places, TOKEN};
use crate::injector::wish::{Delivery, Exec, Files, Wish};

/// Changes the pod, or tells in the notes why that cannot be.
pub(crate) fn inject(
    pod: &mut Pod,
    wish: &Wish,
    settings: &Settings,
    ca_pem: Option<&str>,
    notes: &mut Notes,
) {
    if pod.text("/spec/os/name") == Some("windows") {
        notes
            .mistake("the pod is for Windows, which has no volumes in memory: dsn-broker cannot be injected");
        return;
    }
    for name in [NAME, INSTALLER] {
        if pod.named(CONTAINERS, name).is_some() {
            notes.mistake(format!(
                "the pod has a container {name} of its own: rename it, that name is kept for dsn-broker"
            ));
        }
    }
    if pod.list(CONTAINERS).is_empty() {
        notes.mistake("the pod has no containers");
        return;
    }
    let containers = pod.containers();
    let targets = targets(&containers, wish, notes);
    volume::token(pod, wish.audience.as_deref().unwrap_or(&settings.audience), notes);
    match &wish.delivery {
        Delivery::Files(files) => put_files(pod, files, &targets, settings, ca_pem, notes),
        Delivery::Exec(exec) => run_by(pod, exec, &targets, settings, ca_pem, notes),
    }
}

/// The containers that get it.
fn targets<'a>(containers: &'a [Container], wish: &Wish, notes: &mut Notes) -> Vec<&'a Container> {
    let (with_init, comes_late) = match &wish.delivery {
        Delivery::Files(files) => (files.is_first, !files.is_first),
        Delivery::Exec(_) => (false, false),
    };
    let foreign = |container: &&Container| ![NAME, INSTALLER].contains(&container.name.as_str());
    let Some((annotation, names)) = &wish.containers else {
        let usual = |container: &&Container| {
            (with_init || container.kind == Kind::Ordinary) && !SIDECARS.contains(&container.name.as_str())
        };
        return containers.iter().filter(foreign).filter(usual).collect();
    };
    let mut targets = Vec::new();
    for name in names {
        match containers.iter().filter(foreign).find(|container| container.name == *name) {
            Some(container) if comes_late && container.kind == Kind::Init => notes.mistake(format!(
                "{annotation}: the init container {name} runs before the agent with {PREFIX}init-first: \"false\": leave one of them out"
            )),
            Some(container) => targets.push(container),
            None => {
                let known: Vec<_> = containers.iter().filter(foreign).map(|container| container.name.as_str()).collect();
                let (all, meant) = (known.join(", "), meant(name, known.iter().copied()));
                notes.mistake(format!("{annotation}: the pod has no container {name}, but {all}{meant}"));
            }
        }
    }
    targets
}

fn put_files(
    pod: &mut Pod,
    files: &Files,
    targets: &[&Container],
    settings: &Settings,
    ca_pem: Option<&str>,
    notes: &mut Notes,
) {
    let account = Account::choose(pod, files, targets, settings.agent_run_as_user, notes);
    let places = Places::new(files, notes);
    places.ensure(pod, notes);
    for target in targets {
        for mount in places.mounts(true) {
            volume::mount(pod, target, mount, notes);
        }
    }
    if let Some(group) = account.joins {
        pod.append(&format!("{SECURITY}/supplementalGroups"), group.into());
    }
    match &files.on_change {
        Some(OnChange::Signal { process, .. })
            if pod.at("/spec/shareProcessNamespace") != Some(&Value::Bool(true)) =>
        {
            pod.set("/spec", "shareProcessNamespace", true.into());
            notes.warn(format!(
                "the containers share their processes (shareProcessNamespace), so that the agent can signal {process}: none is process 1, and each sees the others"
            ));
        }
        Some(OnChange::Command(_)) => {
            notes.warn(format!(
                "{PREFIX}on-change: the command runs in the agent's container, with the programs of {}",
                settings.image
            ));
        }
        _ => {}
    }
    let agent = agent::agent(settings, files, &account, &places, ca_pem, notes);
    match pod.named(INIT_CONTAINERS, NAME) {
        Some(there) if agent::is_ours(there, &agent) => {}
        Some(_) => notes.mistake(format!(
            "the pod has an init container {NAME} that is not what its annotations ask for: remove it, that name is kept for dsn-broker"
        )),
        None if files.is_first => pod.prepend(INIT_CONTAINERS, vec![agent]),
        None => pod.append(INIT_CONTAINERS, agent),
    }
}

fn run_by(
    pod: &mut Pod,
    exec: &Exec,
    targets: &[&Container],
    settings: &Settings,
    ca_pem: Option<&str>,
    notes: &mut Notes,
) {
    volume::memory(pod, BINARY.name, "16Mi", notes);
    let mut prefix = vec![agent::installed(), "exec".to_owned()];
    prefix.extend(exec.options.iter().cloned());
    prefix.extend(exec.variables.iter().map(|(variable, role)| format!("{variable}={role}")));
    prefix.push("--".to_owned());
    let mut environment = vec![
        json!({ "name": "DSN_BROKER_URL", "value": settings.broker_url }),
        json!({ "name": "DSN_BROKER_TOKEN_FILE", "value": TOKEN.file() }),
        agent::instance(),
    ];
    environment.extend(ca_pem.map(|pem| json!({ "name": "DSN_BROKER_CA_PEM", "value": pem })));
    for target in targets {
        wrap(pod, target, &prefix, notes);
        add_environment(pod, target, &environment, &exec.variables, notes);
        volume::mount(pod, target, BINARY.mount(), notes);
        volume::mount(pod, target, TOKEN.mount(), notes);
    }
    let installer = agent::installer(settings);
    match pod.named(INIT_CONTAINERS, INSTALLER) {
        Some(there) if there.get("args") == installer.get("args") => {}
        Some(_) => notes.mistake(format!("the pod has an init container {INSTALLER} of its own: rename it, that name is kept for dsn-broker")),
        None => pod.prepend(INIT_CONTAINERS, vec![installer]),
    }
}

/// Puts `dsn exec … --` before the container's command; its arguments stay where they are.
fn wrap(pod: &mut Pod, target: &Container, prefix: &[String], notes: &mut Notes) {
    let command: Vec<Value> = pod.list(&format!("{}/command", target.at)).to_vec();
    let name = &target.name;
    if command.is_empty() {
        notes.mistake(format!(
            "{PREFIX}exec: the container {name} has no command, and what its image starts is not known here: write the command (as `docker inspect` shows the image's Entrypoint, and Cmd as args), or name other containers"
        ));
    } else if !command.starts_with(&prefix.iter().map(|part| json!(part)).collect::<Vec<_>>()) {
        if command.first().is_some_and(|first| *first == agent::installed()) {
            notes.mistake(format!(
                "the container {name} runs {} itself: leave {PREFIX}exec out, or its own",
                agent::installed()
            ));
        }
        let all: Vec<Value> = prefix.iter().map(|part| json!(part)).chain(command).collect();
        pod.set(&target.at, "command", all.into());
    }
}

fn add_environment(
    pod: &mut Pod,
    target: &Container,
    environment: &[Value],
    given: &[(String, String)],
    notes: &mut Notes,
) {
    let list = format!("{}/env", target.at);
    let name_of =
        |variable: &Value| variable.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    for own in pod.list(&list) {
        let name = name_of(own);
        let is_ours = environment.iter().any(|ours| name_of(ours) == name && is_same(ours, own));
        let is_given = given.iter().any(|(variable, _)| *variable == name);
        if is_given || name.starts_with("DSN_BROKER_") && !is_ours {
            notes.mistake(format!("the container {} has a variable {name} of its own, which {PREFIX}exec sets: leave one of them out", target.name));
        }
    }
    for variable in environment {
        if pod.named(&list, &name_of(variable)).is_none() {
            pod.append(&list, variable.clone());
        }
    }
}

/// Whether two variables have the same value.
fn is_same(ours: &Value, own: &Value) -> bool {
    ["/value", "/valueFrom/fieldRef/fieldPath"].iter().all(|part| ours.pointer(part) == own.pointer(part))
}

/// Containers that others inject, and that have nothing to do with databases.
const SIDECARS: &[&str] = &[
    "consul-dataplane",
    "istio-init",
    "istio-proxy",
    "istio-validation",
    "linkerd-init",
    "linkerd-network-validator",
    "linkerd-proxy",
    "vault-agent",
    "vault-agent-init",
];
