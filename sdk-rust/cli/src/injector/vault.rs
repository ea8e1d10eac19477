//! The annotations of Vault's injector, and OpenBao's, where they mean what ours mean.
//!
//! What has no meaning here and changes nothing is ignored with a warning. What the pod would miss is refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::injector::annotation::{Annotations, Notes, PREFIX, Said, meant};
use crate::injector::value::{quoted, truth};

/// What becomes of an annotation.
enum Meaning {
    /// It is ours of this name.
    Same(&'static str),
    /// Nothing is lost without it, because of this.
    Ignored(&'static str),
    /// The pod would not be what it is meant to be; this is what to do.
    Refused(&'static str),
    /// As before, but only if it is not this value.
    RefusedUnless(&'static str, &'static str),
}

/// Adds to ours what Vault's say. Answers whether they ask for anything.
pub(crate) fn translate(all: &BTreeMap<String, String>, ours: &mut Annotations, notes: &mut Notes) -> bool {
    let mut asking = PREFIXES.iter().filter_map(|prefix| {
        let mut said = Annotations::under(prefix, all);
        let inject = said.take("agent-inject")?;
        (inject.value != "false").then_some((*prefix, inject, said))
    });
    let Some((prefix, inject, said)) = asking.next() else { return false };
    inject.read(notes, truth);
    if let Some((_, other, _)) = asking.next() {
        notes.mistake(format!("{} and {} say the same: leave one out", inject.annotation, other.annotation));
    }
    // It was put there with ours, to keep Vault's injector away.
    let is_own = all.get(&format!("{PREFIX}status")).is_some_and(|status| status == "injected");
    Translation { prefix, ours, notes, ignored: BTreeMap::new() }.run(said, is_own);
    true
}

struct Translation<'a> {
    prefix: &'static str,
    ours: &'a mut Annotations,
    notes: &'a mut Notes,
    /// Annotations by why they are ignored: one warning tells of all.
    ignored: BTreeMap<&'static str, Vec<String>>,
}

impl Translation<'_> {
    fn run(mut self, mut said: Annotations, is_own: bool) {
        if let Some(status) = said.take("agent-inject-status").filter(|_| !is_own) {
            self.notes.mistake(format!(
                "{}: Vault's injector was here before: let only one of the two see this namespace",
                status.annotation
            ));
        }
        let keeps_case = said.take("preserve-secret-case").is_some_and(|said| said.value == "true");
        let name = |key: &str| if keeps_case { key.to_owned() } else { key.to_lowercase() };
        let folder = said.take("secret-volume-path");
        let folder =
            folder.unwrap_or_else(|| Said::new(format!("{}secret-volume-path", self.prefix), FOLDER));
        let (mut folders, mut files) =
            (said.take_all("secret-volume-path-"), said.take_all("agent-inject-file-"));
        let mut names = BTreeSet::new();
        for (key, secret) in said.take_all("agent-inject-secret-") {
            let name = name(&key);
            if let Some(role) = secret.read(self.notes, role) {
                self.ours.add(&format!("role-{name}"), Said::new(&secret.annotation, role), self.notes);
            }
            let (own, file) = (folders.remove(&key), files.remove(&key));
            if own.is_some() || file.is_some() {
                let origin = file.as_ref().or(own.as_ref()).unwrap_or(&secret).annotation.clone();
                let folder = own.as_ref().unwrap_or(&folder).value.trim_end_matches('/');
                let file = file.map_or_else(|| name.clone(), |file| file.value);
                self.ours.add(
                    &format!("path-{name}"),
                    Said::new(origin, format!("{folder}/{file}")),
                    self.notes,
                );
            }
            names.insert(name);
        }
        if !self.ours.has("path") && !self.ours.has("exec") {
            self.ours.add("path", folder, self.notes);
        }
        for (key, perms) in said.take_all("agent-inject-perms-") {
            self.ours.add(&format!("mode-{}", name(&key)), perms, self.notes);
        }
        for family in ["agent-inject-template-file-", "agent-inject-template-"] {
            for (key, template) in said.take_all(family) {
                self.template(&name(&key), &template);
            }
        }
        for (_, stray) in folders.into_iter().chain(files) {
            self.notes
                .mistake(format!("{} belongs to no {}agent-inject-secret-…", stray.annotation, self.prefix));
        }
        for (key, said) in said.rest() {
            self.other(&key, said);
        }
        for name in names {
            if !self.ours.has(&format!("format-{name}")) && !self.ours.has(&format!("template-{name}")) {
                self.notes.warn(format!(
                    "the file of {name} has a DSN (format uri) in it, not a user and a password: for another write {PREFIX}format-{name} or {PREFIX}template-{name}"
                ));
            }
        }
        for (why, annotations) in self.ignored {
            self.notes.warn(format!("ignored, because {why}: {}", annotations.join(", ")));
        }
    }

    /// Go's templates are another language: ours has to be there instead.
    fn template(&mut self, name: &str, template: &Said) {
        if self.ours.has(&format!("format-{name}")) || self.ours.has(&format!("template-{name}")) {
            self.ignored.entry("ours is there").or_default().push(template.annotation.clone());
        } else {
            self.notes.mistake(format!(
                "{}: templates of Vault are not translated: write {PREFIX}format-{name} with a format, such as uri, or {PREFIX}template-{name}",
                template.annotation
            ));
        }
    }

    fn other(&mut self, key: &str, said: Said) {
        let known = MEANINGS.iter().find(|(known, _)| {
            known.strip_suffix('*').map_or(*known == key, |family| key.starts_with(family))
        });
        let annotation = &said.annotation;
        match known.map(|(_, meaning)| meaning) {
            Some(Meaning::Same(name)) => self.ours.add(name, said, self.notes),
            Some(Meaning::Ignored(why)) => self.ignored.entry(why).or_default().push(annotation.clone()),
            Some(Meaning::RefusedUnless(value, _)) if said.value == *value => {}
            Some(Meaning::Refused(instead) | Meaning::RefusedUnless(_, instead)) => {
                self.notes.mistake(format!("{annotation}: {instead}"));
            }
            None => {
                let known = MEANINGS.iter().map(|(known, _)| *known);
                let meant = meant(key, known).replace("mean ", &format!("mean {}", self.prefix));
                self.notes.mistake(format!(
                    "{annotation} is no annotation of Vault's injector that is known here{meant}"
                ));
            }
        }
    }
}

/// The role whose credentials Vault would read at this path.
fn role(path: &str) -> Result<String, String> {
    let path = path.trim_matches('/');
    let role = path.strip_prefix("database/creds/").or_else(|| path.strip_prefix("database/static-creds/"));
    role.filter(|role| !role.contains('/')).map(str::to_owned).ok_or_else(|| {
        format!(
            "{} is neither database/creds/ROLE nor database/static-creds/ROLE, and dsn-broker has nothing else: leave this secret to Vault, or write {PREFIX}role-NAME with a role of the broker",
            quoted(path)
        )
    })
}

/// Whose annotations these are.
const PREFIXES: &[&str] = &["vault.hashicorp.com/", "openbao.org/"];

/// What keeps Vault's injector away from a pod.
pub(crate) fn status(all: &BTreeMap<String, String>) -> Option<String> {
    let prefix = PREFIXES
        .iter()
        .find(|prefix| all.get(&format!("{prefix}agent-inject")).is_some_and(|it| it == "true"));
    prefix.map(|prefix| format!("{prefix}agent-inject-status"))
}

/// Where Vault's injector puts files.
const FOLDER: &str = "/vault/secrets";

const PROOF: &str = "the pod's service account token is the proof";
const BROKER: &str = "the broker is the injector's";
const OWN: &str = "the agent is another program";
const WAITS: &str = "the containers always wait for their files";
const TTL: &str = "credentials end by themselves, and may be shared";

/// What else there is. A `*` stands for any ending.
const MEANINGS: &[(&str, Meaning)] = &[
    ("agent-inject-containers", Meaning::Same("containers")),
    ("agent-pre-populate-only", Meaning::Same("init-only")),
    ("agent-init-first", Meaning::Same("init-first")),
    ("agent-limits-cpu", Meaning::Same("agent-cpu-limit")),
    ("agent-limits-mem", Meaning::Same("agent-memory-limit")),
    ("agent-requests-cpu", Meaning::Same("agent-cpu-request")),
    ("agent-requests-mem", Meaning::Same("agent-memory-request")),
    ("agent-run-as-user", Meaning::Same("agent-run-as-user")),
    ("agent-run-as-group", Meaning::Same("agent-run-as-group")),
    ("agent-run-as-same-user", Meaning::Same("agent-run-as-same-user")),
    ("agent-pre-populate", Meaning::Ignored(WAITS)),
    (
        "agent-share-process-namespace",
        Meaning::Ignored("it is shared where dsn-broker.io/on-change needs it"),
    ),
    ("agent-limits-ephemeral", Meaning::Ignored(OWN)),
    ("agent-requests-ephemeral", Meaning::Ignored(OWN)),
    ("agent-image", Meaning::Ignored(OWN)),
    ("agent-cache-*", Meaning::Ignored(OWN)),
    ("agent-enable-quit", Meaning::Ignored(OWN)),
    ("agent-telemetry-*", Meaning::Ignored(OWN)),
    ("agent-disable-idle-connections", Meaning::Ignored(OWN)),
    ("agent-disable-keep-alives", Meaning::Ignored(OWN)),
    ("agent-template-left-delim", Meaning::Ignored(OWN)),
    ("agent-template-right-delim", Meaning::Ignored(OWN)),
    ("error-on-missing-key", Meaning::Ignored(OWN)),
    ("template-*", Meaning::Ignored(OWN)),
    ("go-max-procs", Meaning::Ignored(OWN)),
    ("log-level", Meaning::Ignored(OWN)),
    ("log-format", Meaning::Ignored(OWN)),
    ("agent-revoke-on-shutdown", Meaning::Ignored(TTL)),
    ("agent-revoke-grace", Meaning::Ignored(TTL)),
    ("agent-auto-auth-exit-on-err", Meaning::Ignored(PROOF)),
    ("agent-service-account-token-volume-name", Meaning::Ignored(PROOF)),
    ("auth-*", Meaning::Ignored(PROOF)),
    ("role", Meaning::Ignored(PROOF)),
    ("client-cert", Meaning::Ignored(PROOF)),
    ("client-key", Meaning::Ignored(PROOF)),
    ("agent-request-namespace", Meaning::Ignored(BROKER)),
    ("namespace", Meaning::Ignored(BROKER)),
    ("service", Meaning::Ignored(BROKER)),
    ("proxy-address", Meaning::Ignored(BROKER)),
    ("tls-secret", Meaning::Ignored(BROKER)),
    ("tls-server-name", Meaning::Ignored(BROKER)),
    ("ca-cert", Meaning::Ignored(BROKER)),
    ("ca-key", Meaning::Ignored(BROKER)),
    ("client-max-retries", Meaning::Ignored(BROKER)),
    ("client-timeout", Meaning::Ignored(BROKER)),
    (
        "tls-skip-verify",
        Meaning::RefusedUnless("false", "the broker's certificate is always verified: leave it out"),
    ),
    (
        "agent-set-security-context",
        Meaning::RefusedUnless(
            "true",
            "the agent never runs without a security context: leave it out; dsn-broker.io/agent-run-as-user: none lets the cluster choose its user",
        ),
    ),
    (
        "agent-inject-token",
        Meaning::RefusedUnless(
            "false",
            "there is no token of Vault here: a program that needs one stays with Vault",
        ),
    ),
    (
        "agent-inject-default-template",
        Meaning::Refused("write dsn-broker.io/format-NAME with a format of dsn-broker instead, such as json"),
    ),
    (
        "agent-inject-command-*",
        Meaning::Refused("the agent has no shell: write dsn-broker.io/on-change: signal:HUP:PROCESS instead"),
    ),
    (
        "agent-configmap",
        Meaning::Refused(
            "a configuration of Vault's agent is not read: write annotations of dsn-broker.io/ instead",
        ),
    ),
    ("agent-extra-secret", Meaning::Refused("nothing is mounted into the agent: leave it out")),
    ("agent-copy-volume-mounts", Meaning::Refused("nothing is mounted into the agent: leave it out")),
    (
        "agent-json-patch",
        Meaning::Refused("the agent's container is not patched: use dsn-broker.io/agent-… instead"),
    ),
    (
        "agent-init-json-patch",
        Meaning::Refused("the agent's container is not patched: use dsn-broker.io/agent-… instead"),
    ),
];
