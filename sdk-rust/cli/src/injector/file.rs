//! A file with a DSN: where it is, what is in it, and who may read it.

use serde_json::{Value, json};

use crate::injector::annotation::{Notes, PREFIX};
use crate::injector::value::quoted;

pub(crate) struct File {
    /// What it is called in the annotations.
    pub(crate) key: String,
    pub(crate) path: String,
    pub(crate) role: String,
    pub(crate) shape: Shape,
    pub(crate) endpoint: Option<String>,
    pub(crate) os: Option<String>,
    /// Who may do what with it, and where that is said.
    pub(crate) mode: Option<(String, u32)>,
}

/// What is in it.
pub(crate) enum Shape {
    Format(String),
    Template(String),
}

impl File {
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// Looks for what does not go with the files before it.
    pub(crate) fn check(&self, folder: &str, before: &[Self], notes: &mut Notes) {
        let (key, path) = (&self.key, &self.path);
        if let Err(wrong) = file(path) {
            notes.mistake(format!("{PREFIX}role-{key}: {wrong}"));
        }
        if *path == ready(folder) {
            notes.mistake(format!(
                "{PREFIX}role-{key}: {path} is where the agent says that all is there: name it otherwise"
            ));
        }
        for other in before {
            let is_one = other.path == *path || ca(&other.path) == *path || other.path == ca(path);
            if is_one {
                let other = &other.key;
                notes.mistake(format!("{PREFIX}role-{other} and {PREFIX}role-{key} would both write to {path} or beside it: name one otherwise"));
            }
        }
    }

    /// As the agent reads it.
    pub(crate) fn configuration(&self, mode: u32) -> Value {
        let mut file = json!({ "path": self.path, "role": self.role });
        let mut set = |key: &str, value: &str| {
            if let Some(file) = file.as_object_mut() {
                file.insert(key.to_owned(), value.into());
            }
        };
        match &self.shape {
            Shape::Format(format) => set("format", format),
            Shape::Template(template) => set("template", template),
        }
        self.endpoint.iter().for_each(|endpoint| set("endpoint", endpoint));
        self.os.iter().for_each(|os| set("os", os));
        set("mode", &format!("{:04o}", self.mode.as_ref().map_or(mode, |(_, mode)| *mode)));
        file
    }
}

/// Where the agent says that all files are there and good.
pub(crate) fn ready(folder: &str) -> String {
    format!("{folder}/ready")
}

/// Where the agent puts a private CA.
fn ca(path: &str) -> String {
    format!("{path}.ca.pem")
}

/// A path that is a place for files: a volume is put there, and hides what was there before.
pub(crate) fn place(value: &str) -> Result<&str, String> {
    let is_within = |folder: &str| {
        value.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    absolute(value)?;
    if HIDDEN.contains(&value) || SYSTEM.iter().any(|folder| is_within(folder)) {
        return Err(format!(
            "{value} belongs to the system: a volume there would hide what is in it; take a folder of your own, such as /run/dsn"
        ));
    }
    Ok(value)
}

/// A path of a file in such a place.
pub(crate) fn file(value: &str) -> Result<&str, String> {
    absolute(value)?;
    let folder = value.rsplit_once('/').map_or("", |(folder, _)| folder);
    place(if folder.is_empty() { "/" } else { folder }).map(|_| value)
}

fn absolute(value: &str) -> Result<(), String> {
    let is_plain =
        |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains([':', '\0', '\n']);
    match value.strip_prefix('/') {
        Some("") => {
            Err("a volume at / would hide all else: take a folder of your own, such as /run/dsn".to_owned())
        }
        Some(rest) if rest.split('/').all(is_plain) => Ok(()),
        _ => Err(format!("{} is not an absolute path without `.`, `..`, `:` and empty parts", quoted(value))),
    }
}

/// Who may do what with a file, octal: reading, and writing by its owner.
pub(crate) fn mode(value: &str) -> Result<u32, String> {
    let is_octal = (3..=4).contains(&value.len()) && value.chars().all(|it| it.is_digit(8));
    let mode =
        u32::from_str_radix(value, 8).ok().filter(|mode| is_octal && mode & !0o644 == 0 && mode & 0o400 != 0);
    mode.ok_or_else(|| {
        format!(
            "{} is not a mode for a file with a secret: such as \"0400\" or \"0440\", at most \"0644\"",
            quoted(value)
        )
    })
}

/// Folders that are full of what containers need.
const HIDDEN: &[&str] =
    &["/", "/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/var", "/var/lib", "/var/run"];

/// Folders that are the system's with all that is in them.
const SYSTEM: &[&str] = &[
    "/bin",
    "/boot",
    "/dev",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/run/secrets",
    "/var/run/secrets",
];
