//! What a pod asks for: its annotations, understood. All mistakes are found at once.

use std::collections::BTreeMap;

use crate::injector::annotation::{Annotations, Notes, PREFIX, Said};
use crate::injector::file::{self, File, Shape};
use crate::injector::grammar::unknown;
use crate::injector::value::{
    OnChange, User, exec_on_change, name, names, not_empty, number, quantity, quoted, truth, user, variable,
    word,
};
use crate::injector::vault;

/// What a pod asks for.
pub(crate) struct Wish {
    /// The containers that get it; by default all that it makes sense for.
    pub(crate) containers: Option<(String, Vec<String>)>,
    pub(crate) delivery: Delivery,
    /// Whom the proof is for; by default the broker that the injector knows.
    pub(crate) audience: Option<String>,
}

/// How the DSNs come to the program.
pub(crate) enum Delivery {
    Files(Files),
    Exec(Exec),
}

/// In files that an agent keeps good.
pub(crate) struct Files {
    pub(crate) folder: String,
    pub(crate) files: Vec<File>,
    pub(crate) on_change: Option<OnChange>,
    /// Whether they are only written once, before the containers start.
    pub(crate) is_once: bool,
    /// Whether the agent comes before the pod's own init containers.
    pub(crate) is_first: bool,
    pub(crate) agent: Agent,
}

/// In the environment of a program that `dsn exec` runs.
pub(crate) struct Exec {
    /// Variables, and the roles whose DSNs are in them.
    pub(crate) variables: Vec<(String, String)>,
    /// What else `dsn exec` is told.
    pub(crate) options: Vec<String>,
}

/// What the agent's container has that is not as the injector has it for all.
#[derive(Default)]
pub(crate) struct Agent {
    pub(crate) cpu: Range,
    pub(crate) memory: Range,
    pub(crate) user: Option<User>,
    pub(crate) group: Option<u64>,
    pub(crate) same_user: Option<bool>,
}

#[derive(Default)]
pub(crate) struct Range {
    pub(crate) request: Option<String>,
    pub(crate) limit: Option<String>,
}

impl Wish {
    /// What these annotations ask for; `None` if nothing of us, or with mistakes in the notes.
    pub(crate) fn read(all: &BTreeMap<String, String>, reads_vault: bool, notes: &mut Notes) -> Option<Self> {
        let mut said = Annotations::under(PREFIX, all);
        said.take("status");
        let inject = said.take("inject");
        if inject.as_ref().is_some_and(|inject| inject.value == "false") {
            return None;
        }
        let from_vault = reads_vault && vault::translate(all, &mut said, notes);
        match inject {
            None if from_vault => {}
            None if said.is_empty() => return None,
            None => {
                notes.mistake(format!(
                    "{PREFIX}inject is missing beside other annotations of {PREFIX}: write \"true\", \"false\", or the name of a role"
                ));
                return None;
            }
            Some(inject) if from_vault => {
                notes.mistake(format!(
                    "{} and agent-inject of Vault say the same: leave one out",
                    inject.annotation
                ));
            }
            Some(inject) => short(&inject, &mut said, notes),
        }
        Some(Self::understand(said, notes)).filter(|_| notes.mistakes.is_empty())
    }

    fn understand(mut said: Annotations, notes: &mut Notes) -> Self {
        let roles = said.take_all("role-");
        if roles.is_empty() {
            notes.mistake(format!(
                "{PREFIX}inject is \"true\", but no role is asked for: write {PREFIX}role-NAME with the name of a role, or its name into {PREFIX}inject"
            ));
        }
        let mut containers = said
            .take("containers")
            .and_then(|said| Some((said.annotation.clone(), said.read(notes, names)?)));
        let audience = said.take("token-audience").and_then(|said| said.read(notes, not_empty));
        let exec = said.take("exec").filter(|said| said.value != "false");
        let delivery = match exec {
            None => Delivery::Files(Files::read(&roles, &mut said, notes)),
            Some(exec) => {
                if exec.value != "true" {
                    if let Some((other, _)) = &containers {
                        notes.mistake(format!(
                            "{} and {other} both name containers: leave one out",
                            exec.annotation
                        ));
                    }
                    containers = exec.read(notes, names).map(|names| (exec.annotation.clone(), names));
                }
                Delivery::Exec(Exec::read(&roles, &mut said, notes))
            }
        };
        let is_exec = matches!(delivery, Delivery::Exec(_));
        for (key, said) in said.rest() {
            notes.mistake(unknown(&key, &said, &roles, is_exec));
        }
        Self { containers, delivery, audience }
    }
}

/// The names of roles in `inject` itself.
fn short(inject: &Said, said: &mut Annotations, notes: &mut Notes) {
    if inject.value == "true" {
        return;
    }
    // Someone meant true or false.
    if NEARLY.contains(&&*inject.value.to_lowercase()) {
        let value = quoted(&inject.value);
        notes.mistake(format!(
            "{}: {value} is neither \"true\" nor \"false\" nor the name of a role",
            inject.annotation
        ));
        return;
    }
    for role in inject.read(notes, names).unwrap_or_default() {
        said.add(&format!("role-{role}"), Said::new(&inject.annotation, &role), notes);
    }
}

impl Files {
    fn read(roles: &BTreeMap<String, Said>, said: &mut Annotations, notes: &mut Notes) -> Self {
        let folder = said
            .take("path")
            .and_then(|said| said.read(notes, |value| file::place(value).map(str::to_owned)));
        let folder = folder.unwrap_or_else(|| FOLDER.to_owned());
        let mut parts = Parts::take(said);
        let (mut templates, mut paths, mut modes) =
            (said.take_all("template-"), said.take_all("path-"), said.take_all("mode-"));
        let mut files: Vec<File> = Vec::new();
        for (key, role) in roles {
            // One that is wrong is refused, with all that is wrong besides.
            let role = role.read(notes, name).unwrap_or_default();
            let format = parts.format(key, notes);
            let template = templates.remove(key);
            if let (Some(_), Some(template)) = (&format, &template) {
                notes.mistake(format!(
                    "{} and {PREFIX}format-{key} both say what is in the file: leave one out",
                    template.annotation
                ));
            }
            let path = paths
                .remove(key)
                .and_then(|said| said.read(notes, |value| file::file(value).map(str::to_owned)));
            let mode = modes.remove(key).and_then(|said| {
                let mode = said.read(notes, file::mode)?;
                Some((said.annotation, mode))
            });
            let file = File {
                path: path.unwrap_or_else(|| format!("{folder}/{key}")),
                key: key.clone(),
                role,
                shape: match template {
                    Some(template) => Shape::Template(template.value),
                    None => Shape::Format(format.unwrap_or_else(|| FORMAT.to_owned())),
                },
                endpoint: parts.endpoint(key, notes),
                os: parts.os(key, notes),
                mode,
            };
            file.check(&folder, &files, notes);
            files.push(file);
        }
        for (family, left) in [("template-", templates), ("path-", paths), ("mode-", modes)] {
            strays(family, left, said);
        }
        parts.give_back(said);
        let is_once = flag(said, "init-only", notes).unwrap_or(false);
        let is_first = flag(said, "init-first", notes).unwrap_or(true);
        let on_change = said.take("on-change").and_then(|said| {
            if is_once {
                notes.mistake(format!(
                    "{}: nothing changes with init-only: leave one of them out",
                    said.annotation
                ));
            }
            said.read(notes, OnChange::read)
        });
        Self { folder, files, on_change, is_once, is_first, agent: Agent::read(said, notes) }
    }
}

impl Exec {
    fn read(roles: &BTreeMap<String, Said>, said: &mut Annotations, notes: &mut Notes) -> Self {
        let mut parts = Parts::take(said);
        let mut variables = said.take_all("env-");
        let mut read: Vec<(String, String)> = Vec::new();
        let mut asked: Vec<(&String, [Option<String>; 3])> = Vec::new();
        for (key, role) in roles {
            let role = role.read(notes, name);
            let variable = match variables.remove(key) {
                Some(said) => said.read(notes, variable),
                None if roles.len() == 1 => Some(VARIABLE.to_owned()),
                None => {
                    notes.mistake(format!("{PREFIX}env-{key} is missing: with several roles, say for each in which variable its DSN is to be"));
                    None
                }
            };
            asked.push((key, [parts.format(key, notes), parts.endpoint(key, notes), parts.os(key, notes)]));
            let (Some(role), Some(variable)) = (role, variable) else { continue };
            if read.iter().any(|(other, _)| *other == variable) {
                notes.mistake(format!("{PREFIX}env-{key}: the variable {variable} cannot have the DSNs of two roles: name another"));
            }
            read.push((variable, role));
        }
        strays("env-", variables, said);
        parts.give_back(said);
        let mut options = Vec::new();
        if let Some(((first, parts), others)) = asked.split_first() {
            for (other, _) in others.iter().filter(|(_, theirs)| theirs != parts) {
                notes.mistake(format!(
                    "{first} and {other}: a program gets its DSNs in one format, by one endpoint and for one system; say the same for both, or use files"
                ));
            }
            for (option, value) in ["--format", "--endpoint", "--os"].iter().zip(parts) {
                options.extend(value.iter().flat_map(|value| [(*option).to_owned(), value.clone()]));
            }
        }
        if let Some(on_change) = said.take("on-change").and_then(|said| said.read(notes, exec_on_change)) {
            options.extend(["--on-change".to_owned(), on_change]);
        }
        Self { variables: read, options }
    }
}

/// What says of a role how its DSN is wanted, for files and for programs.
struct Parts([BTreeMap<String, Said>; 3]);

impl Parts {
    fn take(said: &mut Annotations) -> Self {
        Self(PARTS.map(|family| said.take_all(family)))
    }

    fn format(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        self.0[0].remove(key)?.read(notes, |value| word(value, "a format, such as `uri` or `psycopg`"))
    }

    fn endpoint(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        self.0[1].remove(key)?.read(notes, name)
    }

    fn os(&mut self, key: &str, notes: &mut Notes) -> Option<String> {
        self.0[2]
            .remove(key)?
            .read(notes, |value| word(value, "an operating system, such as `debian` or `alpine`"))
    }

    fn give_back(self, said: &mut Annotations) {
        for (family, left) in PARTS.into_iter().zip(self.0) {
            strays(family, left, said);
        }
    }
}

/// What is said of a role that is not asked for goes back, to be told of.
fn strays(family: &str, left: BTreeMap<String, Said>, said: &mut Annotations) {
    for (name, stray) in left {
        said.add(&format!("{family}{name}"), stray, &mut Notes::default());
    }
}

impl Agent {
    fn read(said: &mut Annotations, notes: &mut Notes) -> Self {
        let mut quantity = |name: &str| said.take(name)?.read(notes, quantity);
        let cpu = Range { request: quantity("agent-cpu-request"), limit: quantity("agent-cpu-limit") };
        let memory =
            Range { request: quantity("agent-memory-request"), limit: quantity("agent-memory-limit") };
        Self {
            cpu,
            memory,
            user: said.take("agent-run-as-user").and_then(|said| said.read(notes, user)),
            group: said.take("agent-run-as-group").and_then(|said| said.read(notes, number)),
            same_user: flag(said, "agent-run-as-same-user", notes),
        }
    }
}

fn flag(said: &mut Annotations, name: &str, notes: &mut Notes) -> Option<bool> {
    said.take(name)?.read(notes, truth)
}

/// Where files are by default.
const FOLDER: &str = "/run/dsn";
const FORMAT: &str = "uri";
/// What is taken for a slip, and not for the name of a role.
const NEARLY: &[&str] = &["", "true", "false", "yes", "no", "on", "off", "1", "0", "enabled", "disabled"];
/// Where a program finds its only DSN.
const VARIABLE: &str = "DATABASE_URL";
const PARTS: [&str; 3] = ["format-", "endpoint-", "os-"];
