//! The values of annotations: what each may be, and what is said where it is not.

/// Whom a container runs as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum User {
    Number(u64),
    /// Whom the cluster chooses, as OpenShift does.
    Unsaid,
}

/// What happens in the pod when files have changed.
pub(crate) enum OnChange {
    Signal { name: String, process: String },
    Command(Vec<String>),
}

/// `true` or `false`, as Kubernetes writes them.
pub(crate) fn truth(value: &str) -> Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("{} is neither \"true\" nor \"false\"", quoted(other))),
    }
}

/// The name of a role or endpoint, as the broker has them.
pub(crate) fn name(value: &str) -> Result<String, String> {
    let is_name = (1..=63).contains(&value.len())
        && value.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && value.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || "-_.".contains(it));
    is_name.then(|| value.to_owned()).ok_or_else(|| {
        format!(
            "{} is not a name: use 1 to 63 of a-z, 0-9, '-', '_' and '.', and begin with a letter or a digit",
            quoted(value)
        )
    })
}

/// Names with commas between them.
pub(crate) fn names(value: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = value.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err(format!(
            "{} is not a list of names: write one, or several with commas between",
            quoted(value)
        ));
    }
    Ok(names)
}

/// What someone wrote, fit for a message.
pub(crate) fn quoted(value: &str) -> String {
    let shown: String = value.chars().take(LONGEST_SHOWN).collect();
    format!("{shown:?}")
}

impl OnChange {
    pub(crate) fn read(value: &str) -> Result<Self, String> {
        if let Some((name, process)) = value.strip_prefix("signal:").and_then(|rest| rest.split_once(':')) {
            let known =
                SIGNALS.contains(&name) && (1..=15).contains(&process.len()) && !process.contains('/');
            return known.then(|| Self::Signal { name: name.to_owned(), process: process.to_owned() }).ok_or_else(|| {
                format!(
                    "{} is not signal:NAME:PROCESS: NAME is one of {}, and PROCESS as in /proc/PID/comm, at most 15 characters",
                    quoted(value),
                    SIGNALS.join(", ")
                )
            });
        }
        if let Some(command) = value.strip_prefix("command:") {
            return serde_json::from_str(command)
                .ok()
                .filter(|command: &Vec<String>| command.first().is_some_and(|program| !program.is_empty()))
                .map(Self::Command)
                .ok_or_else(|| {
                    format!("{} is not a list such as command:[\"program\", \"argument\"]", quoted(value))
                });
        }
        Err(format!(
            "{} is neither signal:HUP:PROCESS nor command:[\"program\", \"argument\"]",
            quoted(value)
        ))
    }
}

pub(crate) fn exec_on_change(value: &str) -> Result<String, String> {
    if ON_CHANGE.contains(&value) {
        return Ok(value.to_owned());
    }
    Err(format!("{} is none of {}, which is what there is with exec", quoted(value), ON_CHANGE.join(", ")))
}

pub(crate) fn not_empty(value: &str) -> Result<String, String> {
    let value = value.trim();
    if value.is_empty() { Err("it is empty".to_owned()) } else { Ok(value.to_owned()) }
}

pub(crate) fn word(value: &str, what: &str) -> Result<String, String> {
    let is_word = (1..=63).contains(&value.len())
        && value.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-')
        && !value.starts_with('-');
    is_word.then(|| value.to_owned()).ok_or_else(|| format!("{} is not {what}", quoted(value)))
}

pub(crate) fn variable(value: &str) -> Result<String, String> {
    let is_variable = !value.is_empty()
        && !value.starts_with(|first: char| first.is_ascii_digit())
        && value.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    if value.starts_with("DSN_BROKER_") {
        return Err(format!("{value} is kept from the program: name another variable"));
    }
    is_variable
        .then(|| value.to_owned())
        .ok_or_else(|| format!("{} is not the name of a variable", quoted(value)))
}

/// An amount as Kubernetes writes it.
pub(crate) fn quantity(value: &str) -> Result<String, String> {
    let end = value.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(value.len());
    let (number, unit) = value.split_at(end);
    let is_number = number.starts_with(|first: char| first.is_ascii_digit()) && number.parse::<f64>().is_ok();
    if is_number && ["", "m", "k", "Ki", "M", "Mi", "G", "Gi"].contains(&unit) {
        return Ok(value.to_owned());
    }
    Err(format!("{} is not an amount, such as 50m of a processor or 32Mi of memory", quoted(value)))
}

pub(crate) fn number(value: &str) -> Result<u64, String> {
    value
        .parse::<u32>()
        .map(u64::from)
        .map_err(|_| format!("{} is not a number of a user or group", quoted(value)))
}

/// A user's number, but not root's; or `none`.
pub(crate) fn user(value: &str) -> Result<User, String> {
    if value == "none" {
        return Ok(User::Unsaid);
    }
    match number(value)? {
        0 => Err("the agent never runs as root: name another user, or leave it out".to_owned()),
        number => Ok(User::Number(number)),
    }
}

const SIGNALS: &[&str] = &["HUP", "USR1", "USR2", "TERM", "INT", "QUIT"];
const ON_CHANGE: &[&str] = &["restart", "hup", "usr1", "nothing"];

/// How much of a value is repeated, in characters.
const LONGEST_SHOWN: usize = 100;
