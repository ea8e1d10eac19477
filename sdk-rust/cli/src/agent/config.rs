//! The configuration: YAML, as it is written, and what it comes to.

use std::collections::HashMap;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsn_broker_sdk::{Builder, Proof};
use rustix::process::Signal;
use serde::Deserialize;
use serde_saphyr::{DefaultMessageFormatter, Error, MessageFormatter as _};

use super::template::Template;
use crate::file::Rights;

/// What the agent does.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) broker: BrokerPart,
    pub(super) ready: Ready,
    pub(super) files: Vec<File>,
    pub(super) on_change: Vec<Action>,
}

/// Which broker, where the environment does not say it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BrokerPart {
    url: Option<String>,
    ca_file: Option<PathBuf>,
    ca_pem: Option<String>,
    token_file: Option<PathBuf>,
    instance: Option<String>,
}

/// How others learn that all files are there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ready {
    pub(super) file: Option<PathBuf>,
    pub(super) listen: Option<SocketAddr>,
}

/// A file that is kept.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) role: String,
    pub(super) format: String,
    pub(super) endpoint: Option<String>,
    pub(super) os: Option<String>,
    /// Where the CA is put, if it is a private one.
    pub(super) ca_file: PathBuf,
    pub(super) template: Option<Template>,
    pub(super) rights: Rights,
}

/// What is done when files have changed.
#[derive(Debug)]
pub(super) enum Action {
    Command { program: String, arguments: Vec<String>, timeout: Duration },
    Signal { signal: Signal, to: Target },
}

/// Who gets a signal.
#[derive(Debug)]
pub(super) enum Target {
    /// The process whose number is in this file.
    PidFile(PathBuf),
    /// The processes of this name.
    Process(String),
}

/// The configuration, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    broker: BrokerPart,
    #[serde(default)]
    ready: Ready,
    files: Vec<WrittenFile>,
    #[serde(default)]
    on_change: Vec<WrittenAction>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFile {
    path: PathBuf,
    role: String,
    format: Option<String>,
    template: Option<String>,
    template_file: Option<PathBuf>,
    endpoint: Option<String>,
    os: Option<String>,
    ca_file: Option<PathBuf>,
    mode: Option<String>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAction {
    command: Option<Vec<String>>,
    timeout: Option<String>,
    signal: Option<String>,
    pid_file: Option<PathBuf>,
    process: Option<String>,
}

/// Everything that is wrong with a configuration, a line for each.
#[derive(Debug)]
pub(super) struct Wrong(Vec<String>);

/// Gathers what is wrong.
#[derive(Default)]
struct Mistakes(Vec<String>);

impl Config {
    /// Understands the text of `source`, and finds all mistakes of it at once.
    pub(super) fn parse(text: &str, source: &str) -> Result<Self, Wrong> {
        let options = serde_saphyr::options! { with_snippet: false, strict_booleans: true };
        let written = serde_saphyr::from_str_with_options::<Written>(text, options);
        let written = written.map_err(|error| Wrong(vec![format!("{source}{}", mistake(&error))]))?;
        let mut mistakes = Mistakes::default();
        let config = written.understand(&mut mistakes);
        match mistakes.0 {
            none if none.is_empty() => Ok(config),
            some => Err(Wrong(some.iter().map(|mistake| format!("{source}: {mistake}")).collect())),
        }
    }
}

impl File {
    /// Whether it is made of the parts alone, whatever format and CA the text has.
    pub(super) fn takes_any_text(&self) -> bool {
        self.template.as_ref().is_some_and(|template| !template.uses_dsn)
    }
}

impl BrokerPart {
    /// The broker that is meant; what is not said here, the environment says.
    pub(super) fn builder(&self) -> Result<Builder, dsn_broker_sdk::Error> {
        let mut builder = Builder::from_env()?;
        if let Some(url) = &self.url {
            builder = builder.url(url);
        }
        if let Some(file) = &self.ca_file {
            builder = builder.ca_file(file);
        }
        if let Some(pem) = &self.ca_pem {
            builder = builder.ca_pem(pem);
        }
        if let Some(file) = &self.token_file {
            builder = builder.proof(Proof::file(file));
        }
        if let Some(instance) = &self.instance {
            builder = builder.instance(instance);
        }
        Ok(builder)
    }
}

impl Written {
    fn understand(self, mistakes: &mut Mistakes) -> Config {
        let Self { broker, ready, files, on_change } = self;
        if broker.ca_file.is_some() && broker.ca_pem.is_some() {
            mistakes.add("broker", "give `ca_file` or `ca_pem`, not both");
        }
        if let Some(file) = &ready.file {
            absolute(file, "ready.file", mistakes);
        }
        if files.is_empty() {
            mistakes.add("files", "there is nothing to write: name a file, with its `path` and `role`");
        }
        let files: Vec<_> = (0..).zip(files).map(|(index, file)| file.understand(index, mistakes)).collect();
        apart(&ready, &files, mistakes);
        let on_change = (0..).zip(on_change).filter_map(|(index, action)| action.understand(index, mistakes));
        let on_change = on_change.collect();
        Config { broker, ready, files, on_change }
    }
}

impl WrittenFile {
    fn understand(self, index: usize, mistakes: &mut Mistakes) -> File {
        let key = |name: &str| format!("files[{index}].{name}");
        absolute(&self.path, &key("path"), mistakes);
        if self.role.is_empty() {
            mistakes.add(&key("role"), "a role has a name");
        }
        if let Some(file) = &self.ca_file {
            absolute(file, &key("ca_file"), mistakes);
        }
        let ca_file = self.ca_file.unwrap_or_else(|| {
            let mut file = self.path.clone().into_os_string();
            file.push(".ca.pem");
            file.into()
        });
        let template = match (self.template, self.template_file) {
            (Some(_), Some(_)) => {
                mistakes.add(&key("template"), "give `template` or `template_file`, not both");
                None
            }
            (Some(text), None) => Some((key("template"), text)),
            (None, Some(file)) => match std::fs::read_to_string(&file) {
                Ok(text) => Some((file.display().to_string(), text)),
                Err(error) => {
                    mistakes.add(
                        &key("template_file"),
                        format_args!("{} cannot be read: {error}", file.display()),
                    );
                    None
                }
            },
            (None, None) => None,
        };
        let template = template.map(|(name, text)| Template::new(text, |wrong| mistakes.add(&name, wrong)));
        let mode = self.mode.as_deref().unwrap_or("0600");
        let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o777).unwrap_or_else(|| {
            mistakes.add(&key("mode"), format_args!("`{mode}` is no mode: write it like \"0640\""));
            0o600
        });
        let owner = self.owner.as_deref().and_then(|text| {
            let owner = owner(text);
            if owner.is_none() {
                let what = format_args!(
                    "`{text}` is no owner: write the numbers of user and group, like \"1000:1000\""
                );
                mistakes.add(&key("owner"), what);
            }
            owner
        });
        File {
            path: self.path,
            role: self.role,
            format: self.format.unwrap_or_else(|| "uri".to_owned()),
            endpoint: self.endpoint,
            os: self.os,
            ca_file,
            template,
            rights: Rights { mode, owner },
        }
    }
}

impl WrittenAction {
    fn understand(self, index: usize, mistakes: &mut Mistakes) -> Option<Action> {
        let key = format!("on_change[{index}]");
        match self {
            Self { command: Some(command), timeout, signal: None, pid_file: None, process: None } => {
                let timeout = timeout.as_deref().map_or(Ok(TIMEOUT), span);
                let timeout = timeout.map_err(|wrong| mistakes.add(&format!("{key}.timeout"), wrong)).ok()?;
                let mut words = command.into_iter();
                let Some(program) = words.next().filter(|program| !program.is_empty()) else {
                    mistakes.add(&format!("{key}.command"), "there is no program in it");
                    return None;
                };
                Some(Action::Command { program, arguments: words.collect(), timeout })
            }
            Self { command: None, timeout: None, signal: Some(name), pid_file, process } => {
                let signal = number(&name);
                if signal.is_none() {
                    let known: Vec<_> = SIGNALS.iter().map(|(name, _)| *name).collect();
                    let what = format_args!("`{name}` is no signal: use one of {}", known.join(", "));
                    mistakes.add(&format!("{key}.signal"), what);
                }
                let to = match (pid_file, process) {
                    (Some(file), None) => Target::PidFile(file),
                    (None, Some(name)) if !name.is_empty() => Target::Process(name),
                    _ => {
                        mistakes.add(&key, "say who gets the signal: `pid_file` or `process`");
                        return None;
                    }
                };
                Some(Action::Signal { signal: signal?, to })
            }
            _ => {
                let what =
                    "give a `command`, with or without `timeout`, or a `signal` with `pid_file` or `process`";
                mistakes.add(&key, what);
                None
            }
        }
    }
}

/// No two things may be written to one file.
fn apart(ready: &Ready, files: &[File], mistakes: &mut Mistakes) {
    let mut taken: HashMap<&Path, (String, Option<&str>)> = HashMap::new();
    if let Some(file) = &ready.file {
        taken.insert(file, ("ready.file".to_owned(), None));
    }
    for (index, file) in files.iter().enumerate() {
        let (path, ca) = (format!("files[{index}].path"), format!("files[{index}].ca_file"));
        // Those of one role and endpoint have the same CA.
        for (place, key, of) in [(&file.path, path, None), (&file.ca_file, ca, Some(file.role.as_str()))] {
            match taken.get(place.as_path()) {
                Some((_, before)) if before.is_some() && *before == of => {}
                Some((before, _)) => mistakes
                    .add(&key, format_args!("{} is that of {before}, too: name another", place.display())),
                None => drop(taken.insert(place, (key, of))),
            }
        }
    }
}

fn absolute(path: &Path, key: &str, mistakes: &mut Mistakes) {
    if !path.is_absolute() || path.file_name().is_none() {
        mistakes.add(key, format_args!("`{}` is no absolute path of a file", path.display()));
    } else if path.to_str().is_none() {
        mistakes.add(key, format_args!("`{}` is not UTF-8", path.display()));
    }
}

/// The numbers of user and group. The largest one means that nothing is to be changed.
fn owner(text: &str) -> Option<(u32, u32)> {
    let (user, group) = text.split_once(':')?;
    let number = |text: &str| text.parse().ok().filter(|number| *number != u32::MAX);
    Some((number(user)?, number(group)?))
}

fn number(name: &str) -> Option<Signal> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    SIGNALS.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

/// `500ms`, `30s`, `5m`, `1h`.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let span = count.parse::<u32>().ok().map(|count| Duration::from_millis(millis * u64::from(count)));
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| format!("`{text}` is no duration: write a number and a unit, like 500ms, 30s or 5m"))
}

impl Mistakes {
    fn add(&mut self, key: &str, what: impl Display) {
        self.0.push(format!("{key}: {what}"));
    }
}

impl Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Wrong {}

/// The place and the mistake that ends the reading.
fn mistake(error: &Error) -> String {
    let place = error.location().map(|place| format!(":{}:{}", place.line(), place.column()));
    let message = match error {
        Error::SerdeUnknownField { field, expected, .. } => {
            format!("the key `{field}` is not known here; {}", suggestion(field, expected))
        }
        Error::SerdeMissingField { field, .. } => format!("the key `{field}` is missing"),
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{expected} belongs here, not {unexpected}")
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` stands here twice"),
        Error::Eof { .. } => "it is empty, or ends too soon".to_owned(),
        Error::Message { msg, .. } => msg.clone(),
        other => DefaultMessageFormatter.format_message(other).into_owned(),
    };
    format!("{}: {message}", place.unwrap_or_default())
}

fn suggestion(text: &str, known: &[&str]) -> String {
    let likeness = |name: &&&str| strsim::normalized_damerau_levenshtein(text, name);
    let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    match nearest.filter(|name| likeness(name) >= 0.5) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// How long a command may take.
const TIMEOUT: Duration = Duration::from_secs(30);

const SIGNALS: [(&str, Signal); 7] = [
    ("HUP", Signal::HUP),
    ("INT", Signal::INT),
    ("QUIT", Signal::QUIT),
    ("TERM", Signal::TERM),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("WINCH", Signal::WINCH),
];
