//! What stands for an engine: a provider with a real server, and what its roles are.

use std::time::Duration;

use devstack::Api;
use dsn_broker::model::CredentialKind;
use dsn_broker::time::Timestamp;
use serde_json::Value;

use crate::stand::Settings;

/// A provider with a real server, on which a broker's database is.
pub trait Subject: Sized {
    /// How the database is called in the configuration.
    const DATABASE: &'static str;

    /// What sessions say and hear.
    const WORDS: Words;

    async fn start() -> Self;

    /// A configuration with the database, and a ledger of its own.
    async fn settings(&self) -> Settings;

    /// What a role is made of, after what it needs was made at the provider.
    async fn credential(&self, kind: CredentialKind, settings: &Settings) -> Value;

    /// The same with names, and where it can be a password, that have to be quoted everywhere. For the group `odd_names`.
    async fn odd(&self, kind: CredentialKind, _: &Settings) -> Value {
        unreachable!("{} has no such names for a {}", Self::DATABASE, kind.as_str())
    }

    /// What is there under names that begin like this: ours, of the kind `dynamic_user`.
    async fn users(&self, prefix: &str) -> Vec<String>;

    /// Makes a user of this name, as the broker does.
    async fn make_user(&self, name: &str);

    /// Whether the broker can look for orphans there.
    const SWEEPS: bool = true;

    /// What the broker asks for anything does not answer any more.
    fn go_down(&self);

    /// Undoes [`Subject::go_down`].
    fn come_back(&self);

    /// Whether the broker has to ask somebody to make one.
    const ASKS: bool = true;

    /// The calls of the provider's API. For the group `api`.
    fn calls(&self, kind: CredentialKind) -> Calls<'_> {
        unreachable!("{} has no API for a {}", Self::DATABASE, kind.as_str())
    }

    /// What is made next takes a while, as far as there is anything of that kind.
    fn dawdle(&self) {}

    /// It is so much later, and for the broker this moment.
    async fn pass(&self, _by: Duration, _now: Timestamp) {}

    /// Nothing is left running.
    async fn end(self) {}
}

/// What sessions say and hear.
pub struct Words {
    /// What a role may do.
    pub may: &'static str,
    /// What it may not do.
    pub may_not: &'static str,
    /// How that is refused begins like this.
    pub denied: &'static str,
    /// How a login is refused begins like one of these.
    pub locked_out: &'static [&'static str],
}

/// The calls of an API, as method and the beginning of a path.
pub struct Calls<'a> {
    pub api: &'a Api,
    /// What makes a credential.
    pub make: (&'static str, String),
    /// What ends one, if the API does.
    pub end: Option<(&'static str, String)>,
    /// Whether it is asked again where that does no harm.
    pub repeats: bool,
    /// Whether the broker can see what was done where the answer is lost.
    pub shows: bool,
}

impl Calls<'_> {
    /// How often it was asked to make one.
    pub fn made(&self) -> usize {
        let (method, path) = &self.make;
        let requests = self.api.requests();
        requests.iter().filter(|one| one.method == *method && one.path.starts_with(path)).count()
    }
}
