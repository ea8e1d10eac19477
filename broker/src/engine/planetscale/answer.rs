//! What the API answers, as far as it concerns us. Members that are not always there are optional; unknown ones are
//! ignored.

use serde::Deserialize;
use zeroize::Zeroize;

use crate::engine::EngineError;
use crate::secret::Secret;
use crate::time::Timestamp;

/// A role or a password.
#[derive(Deserialize)]
pub(super) struct Item {
    pub(super) id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) login: Login,
    /// Roles alone, and not of all ages.
    #[serde(default)]
    pub(super) ready: Option<bool>,
    #[serde(default)]
    expired: Option<bool>,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
    #[serde(default)]
    deleted_at: Option<Timestamp>,
    #[serde(default)]
    dropped_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) disabled_at: Option<Timestamp>,
    /// Whether it is the role that every branch has.
    #[serde(default)]
    default: Option<bool>,
    /// Roles alone.
    #[serde(default)]
    pub(super) inherited_roles: Option<Vec<String>>,
    /// How long it lasts: a role's, in seconds.
    #[serde(default)]
    ttl: Option<u64>,
    /// … a password's.
    #[serde(default)]
    ttl_seconds: Option<u64>,
}

/// With what one logs in, and where: all that is sure to be in the answer to a reset.
#[derive(Deserialize)]
pub(super) struct Login {
    #[serde(default)]
    username: Option<String>,
    /// A role's secret: when it is made or reset, and never again.
    #[serde(default)]
    password: Option<Text>,
    /// A password's secret, likewise.
    #[serde(default)]
    plain_text: Option<Text>,
    #[serde(default)]
    access_host_url: Option<String>,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) next_page: Option<u32>,
}

/// A branch.
#[derive(Deserialize)]
pub(super) struct BranchState {
    #[serde(default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) state: Option<String>,
    #[serde(default)]
    pub(super) ready: Option<bool>,
    #[serde(default)]
    pub(super) production: Option<bool>,
}

/// A dedicated bouncer.
#[derive(Deserialize)]
pub(super) struct Bouncer {
    pub(super) name: String,
}

/// A secret on its way out of the answer.
#[derive(Deserialize)]
struct Text(String);

impl Drop for Text {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Login {
    /// Who logs in; with what the branch is found by.
    pub(super) fn username(&self) -> Option<&str> {
        self.username.as_deref().filter(|name| is_plain(name))
    }

    /// What it logs in with.
    pub(super) fn secret(&self) -> Option<Secret> {
        let text = self.password.as_ref().or(self.plain_text.as_ref())?;
        is_plain(&text.0).then(|| Secret::new(text.0.as_str()))
    }

    /// Where: a host, and a port if it says one.
    pub(super) fn host(&self) -> Option<Host> {
        let text = self.access_host_url.as_deref()?;
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        (!name.is_empty() && name.bytes().all(plain)).then(|| Host { name: name.to_owned(), port })
    }
}

impl Item {
    /// Whether it is the role that every branch has, which may do everything.
    pub(super) fn is_default(&self) -> bool {
        self.default == Some(true) || self.login.username().is_some_and(|name| name.starts_with("postgres."))
    }

    /// How long it lasts from its making on; `None` if that is for ever or not said.
    pub(super) fn seconds(&self) -> Option<u64> {
        self.ttl.or(self.ttl_seconds).filter(|seconds| *seconds > 0)
    }

    /// Whether anybody can still log in with it, as far as it says.
    pub(super) fn is_live(&self) -> bool {
        !self.expired.unwrap_or_default() && self.deleted_at.is_none() && self.dropped_at.is_none()
    }
}

/// Where to connect to.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

/// The answer lacks what it is asked for; what was made is there all the same.
pub(super) fn unusable(place: &str, what: &str) -> EngineError {
    EngineError::Unavailable { detail: format!("{place}: the answer lacks {what}; what was made is removed") }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Null is nothing, too.
fn or_default<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Option::<String>::deserialize(deserializer).map(Option::unwrap_or_default)
}
