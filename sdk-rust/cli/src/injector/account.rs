//! Whom the agent runs as, so that the containers can read its files and nobody else can.

use serde_json::{Value, json};

use crate::injector::annotation::{Notes, PREFIX};
use crate::injector::pod::{Container, Pod};
use crate::injector::value::{OnChange, User};
use crate::injector::wish::Files;

/// Whom the agent runs as.
pub(crate) struct Account {
    user: User,
    group: Option<u64>,
    /// What files may be done with, where nothing is said.
    pub(crate) mode: u32,
    /// The group that lets the containers read them, if they are not in it yet.
    pub(crate) joins: Option<u64>,
}

impl Account {
    /// As the containers' own user, if that is one and known: then nobody else can read. Else by a group that they share:
    /// the one that the pod gives to its volumes (fsGroup), or one that it joins.
    pub(crate) fn choose(
        pod: &Pod,
        files: &Files,
        targets: &[&Container],
        usual: User,
        notes: &mut Notes,
    ) -> Self {
        let own = shared(pod, targets, "runAsUser").filter(|user| *user != 0).map(User::Number);
        let there = agent(pod);
        let wished = files.agent.user.or(there.map(|(user, _)| user));
        let same = match (files.agent.same_user, wished) {
            (Some(true), None) if own.is_none() => {
                notes.mistake(format!(
                    "{PREFIX}agent-run-as-same-user: the containers have no runAsUser that is one and not root's: set securityContext.runAsUser, or leave the annotation out"
                ));
                None
            }
            (Some(false), None) => None,
            _ => own,
        };
        let user = wished.or(same).unwrap_or(usual);
        let is_known = wished.is_some() || same.is_some();
        Self::check(pod, files, is_known, notes);
        if own == Some(user) {
            let group = files.agent.group.or_else(|| shared(pod, targets, "runAsGroup"));
            return Self { user, group: Some(group.unwrap_or(GROUP)), mode: 0o400, joins: None };
        }
        let volumes = pod.at("/spec/securityContext/fsGroup").and_then(Value::as_u64);
        let group = files.agent.group.or(there.and_then(|(_, group)| group)).or(volumes).unwrap_or(GROUP);
        let joined = pod.list(&format!("{SECURITY}/supplementalGroups"));
        let is_in = volumes == Some(group) || joined.iter().any(|joined| joined.as_u64() == Some(group));
        // A user that the cluster chooses is that of all containers.
        let (group, joins) = match user {
            User::Unsaid => (files.agent.group, None),
            User::Number(_) => (Some(group), (!is_in).then_some(group)),
        };
        Self { user, group, mode: 0o440, joins }
    }

    /// What cannot work if it is not known that the agent runs as the user of the containers.
    fn check(pod: &Pod, files: &Files, is_known: bool, notes: &mut Notes) {
        for (annotation, mode) in files.files.iter().filter_map(|file| file.mode.as_ref()) {
            if !is_known && mode & 0o044 == 0 {
                notes.mistake(format!(
                    "{annotation}: with mode {mode:04o} the containers could not read it, as they have no runAsUser in common: set securityContext.runAsUser, or {PREFIX}agent-run-as-user to the user that their images have"
                ));
            }
            if mode & 0o004 != 0 {
                notes.warn(format!(
                    "{annotation}: with mode {mode:04o} all users in the containers can read the secret"
                ));
            }
        }
        let Some(OnChange::Signal { process, .. }) = &files.on_change else { return };
        if !is_known {
            notes.mistake(format!(
                "{PREFIX}on-change: the agent may send signals only to processes of its own user, and the containers have no runAsUser in common that is not root's: set securityContext.runAsUser, or {PREFIX}agent-run-as-user to the user of {process}"
            ));
        }
        if pod.at("/spec/shareProcessNamespace") == Some(&Value::Bool(false))
            || pod.at("/spec/hostPID") == Some(&Value::Bool(true))
        {
            notes.mistake(format!(
                "{PREFIX}on-change: a signal needs shareProcessNamespace, and the pod has it false or has hostPID: leave these out, or the signal"
            ));
        }
    }

    /// What its container may do: nothing but what it is for.
    pub(crate) fn security(&self) -> Value {
        let mut context = hardened();
        if let Some(context) = context.as_object_mut() {
            if let User::Number(user) = self.user {
                context.insert("runAsUser".to_owned(), user.into());
            }
            if let Some(group) = self.group {
                context.insert("runAsGroup".to_owned(), group.into());
            }
        }
        context
    }
}

/// The security context of a container that needs no rights.
pub(crate) fn hardened() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": { "drop": ["ALL"] },
        "readOnlyRootFilesystem": true,
        "runAsNonRoot": true,
        "seccompProfile": { "type": "RuntimeDefault" },
    })
}

/// What all of the containers say of this, if it is the same.
fn shared(pod: &Pod, targets: &[&Container], key: &str) -> Option<u64> {
    let mut said = targets.iter().map(|target| pod.security(target, key));
    let first = said.next()??;
    said.all(|other| other == Some(first)).then_some(first)
}

/// Whom an agent runs as that was put there before.
fn agent(pod: &Pod) -> Option<(User, Option<u64>)> {
    let context = pod
        .named(crate::injector::pod::INIT_CONTAINERS, crate::injector::agent::NAME)?
        .get("securityContext")?;
    let number = |key: &str| context.get(key).and_then(Value::as_u64);
    Some((number("runAsUser").map_or(User::Unsaid, User::Number), number("runAsGroup")))
}

/// The user and group that have nothing.
pub(crate) const USER: u64 = 65532;
const GROUP: u64 = 65532;
pub(crate) const SECURITY: &str = "/spec/securityContext";
