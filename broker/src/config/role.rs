//! `roles`: which sets of privileges can be asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::check;
use crate::config::mistake::{Key, Mistakes};
use crate::config::{Database, Endpoint, Privileges, RotatedPassword, Span, TlsMode, Verified};
use crate::model::{CredentialKind, DatabaseName, EndpointName, EngineKind, Protocol, Share};

/// A named set of privileges on one database, and how its credential is made.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// The database.
    pub database: DatabaseName,
    /// How the credential is made.
    pub credential: CredentialSpec,
    /// How long a lease lives unless the caller asks for another time. At least `10s`.
    pub ttl: Span,
    /// The longest life of a lease, renewals included. Default: `ttl`.
    #[serde(default)]
    pub max_ttl: Option<Span>,
    /// Who holds the same credential. Default: `workload`.
    #[serde(default)]
    pub share: Share,
    /// The endpoints it may be used through; the first is the default. Default: all, `primary` first.
    #[serde(default)]
    pub endpoints: Vec<EndpointName>,
    /// How long sessions may go on after the end of their lease before they are ended. Default: `30s`.
    #[serde(default = "drain")]
    pub drain: Span,
    /// Settings of the server for every session: `statement_timeout`, `search_path`, … Default: none.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// How a credential is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CredentialSpec {
    /// A fresh database user per lease.
    DynamicUser(DynamicUser),
    /// A pair of users whose passwords are rotated in turn.
    RotatedPassword(RotatedPassword),
    /// A provider's short-lived token, used as the password.
    ConnectToken(ConnectToken),
}

/// A fresh database user per lease. Which of the keys an engine reads it says when it is given others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicUser {
    /// The database roles it becomes a member of: its privileges. Default: none.
    #[serde(default)]
    pub member_of: Vec<String>,
    /// What it may do where, for servers whose roles are not used (MySQL, MariaDB). Default: nothing but what its roles may.
    #[serde(default)]
    pub privileges: Vec<Privileges>,
    /// The role that its sessions act as, so that what they create belongs to that role and outlives the lease. Default: none, they act as the user itself.
    #[serde(default)]
    pub set_role: Option<String>,
    /// The most sessions it may have at once. Default: no limit.
    #[serde(default)]
    pub connection_limit: Option<u32>,
    /// Other databases of the same server in which it may come to own things, to be cleaned up too. Default: none.
    #[serde(default)]
    pub databases: Vec<String>,
    /// What it may do in the branch (PlanetScale MySQL). Default: none, and it must be said.
    #[serde(default)]
    pub access: Option<Access>,
    /// Whether it only ever reads, from replicas (PlanetScale MySQL). Default: `false`.
    #[serde(default)]
    pub replica: bool,
    /// The addresses that it may be used from (PlanetScale MySQL): `10.0.0.0/8`. Default: all.
    #[serde(default)]
    pub cidrs: Vec<String>,
    /// Who gets what the user owns in the end (PlanetScale Postgres). Default: nobody, and a user that owns something cannot be removed.
    #[serde(default)]
    pub successor: Option<String>,
    /// What becomes of a `DELETE` without a `WHERE` (PlanetScale Postgres). Default: as the branch has it.
    #[serde(default)]
    pub require_where_on_delete: Option<QuerySafety>,
    /// What becomes of an `UPDATE` without a `WHERE` (PlanetScale Postgres). Default: as the branch has it.
    #[serde(default)]
    pub require_where_on_update: Option<QuerySafety>,
}

/// What a password may do in a branch of a PlanetScale MySQL database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// Read.
    Reader,
    /// Write, and not read.
    Writer,
    /// Read and write.
    Readwriter,
    /// Also change the schema.
    Admin,
}

impl Access {
    /// It has to be said.
    pub(in crate::config) const MISSING: &'static str =
        "say what it may do: `reader`, `writer`, `readwriter` or `admin`";
}

/// What becomes of a statement that concerns all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QuerySafety {
    /// It is done.
    Off,
    /// It is done, with a warning.
    Warn,
    /// It is refused.
    On,
}

/// A provider's short-lived token, used as the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectToken {
    /// The database user that the token logs in, with the privileges that it was given there.
    pub username: String,
}

impl Role {
    /// Who holds the same credential. There is but one of a rotated password.
    pub fn share(&self) -> Share {
        match self.credential {
            CredentialSpec::RotatedPassword(_) => Share::Role,
            CredentialSpec::DynamicUser(_) | CredentialSpec::ConnectToken(_) => self.share,
        }
    }

    /// The longest life of a lease, renewals included.
    pub fn max_ttl(&self) -> Duration {
        self.max_ttl.map_or(self.ttl.0, |span| span.0)
    }

    /// The endpoints of its database that it may be used through, the default first.
    pub fn endpoints_in<'a>(&'a self, database: &'a Database) -> Vec<(&'a EndpointName, &'a Endpoint)> {
        if !self.endpoints.is_empty() {
            return self.endpoints.iter().filter_map(|name| database.endpoints.get_key_value(name)).collect();
        }
        let mut all: Vec<_> = database.endpoints.iter().collect();
        all.sort_by_key(|(name, _)| (name.as_str() != "primary", *name));
        all
    }
}

impl Role {
    /// Whether its credential goes to the server as it is, in clear text inside TLS, by a plugin of MySQL's.
    pub fn is_cleartext(&self, database: &Database) -> bool {
        database.protocol() == Protocol::Mysql && self.credential.kind() == CredentialKind::ConnectToken
    }

    pub(super) fn check(
        &self,
        databases: &BTreeMap<DatabaseName, Database>,
        key: &Key,
        mistakes: &mut Mistakes,
    ) {
        match databases.get(&self.database) {
            Some(database) => self.check_against(database, key, mistakes),
            None => {
                let message = format!(
                    "there is no database `{}`; there are {}",
                    self.database,
                    check::list(databases.keys())
                );
                mistakes.add(key.at("database"), message);
            }
        }
        check::at_least(SHORTEST_TTL, self.ttl, key.at("ttl"), mistakes);
        if let Some(max_ttl) = self.max_ttl.filter(|max_ttl| *max_ttl < self.ttl) {
            mistakes.add(key.at("ttl"), format!("{} is above `max_ttl`, {max_ttl}", self.ttl));
        }
        check::no_repeats(&self.endpoints, &key.at("endpoints"), mistakes);
        for (name, value) in &self.parameters {
            check_parameter(name, value, key.at("parameters").at(name), mistakes);
        }
        if let CredentialSpec::RotatedPassword(pair) = &self.credential {
            pair.check(self.ttl, &key.at("credential"), mistakes);
        }
    }

    fn check_against(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            if !database.endpoints.contains_key(endpoint) {
                let known = check::list(database.endpoints.keys());
                let message =
                    format!("the database `{}` has no endpoint `{endpoint}`; it has {known}", self.database);
                mistakes.add(key.at("endpoints").index(index), message);
            }
        }
        if database.protocol() == Protocol::Mysql && !self.parameters.is_empty() {
            let message = "MySQL and MariaDB have no settings for the sessions of a user: remove them, and let the \
                           workload set what it needs";
            mistakes.add(key.at("parameters"), message);
        }
        let (engine, kind) = (database.engine, self.credential.kind());
        if !engine.credential_kinds().contains(&kind) {
            let known = check::list(engine.credential_kinds().iter().map(|kind| kind.as_str()));
            let message =
                format!("the engine `{}` has no `{}`; it has {known}", engine.as_str(), kind.as_str());
            mistakes.add(key.at("credential").at("kind"), message);
            return;
        }
        match &self.credential {
            CredentialSpec::DynamicUser(user) => user.check(database, &key.at("credential"), mistakes),
            CredentialSpec::ConnectToken(token) => {
                token.check(database, &key.at("credential"), mistakes);
                self.check_cleartext(database, key, mistakes);
            }
            CredentialSpec::RotatedPassword(pair) => {
                let key = key.at("credential");
                pair.check_against(database, &key, mistakes);
                check_admins(&pair.users, database, &key.at("users"), mistakes);
            }
        }
        if let (EngineKind::Rds, Some(rds)) = (engine, &database.rds) {
            rds.check_role(self, database, key, mistakes);
        }
        if let Some(planetscale) = &database.planetscale {
            planetscale.check_role(self, database.protocol(), key, mistakes);
        }
    }

    /// A token is shown, as it is, to whoever ends the TLS: one more certificate of the same CA must not do.
    fn check_cleartext(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        for (name, endpoint) in self.endpoints_in(database) {
            let is_shown = match endpoint.for_clients(database) {
                Verified::Certificate(mode, _) => mode != TlsMode::VerifyFull,
                // A proxy on the caller's own machine; drivers for MySQL show nothing without TLS.
                Verified::Nothing => database.protocol() == Protocol::Mysql,
            };
            if is_shown {
                let message = format!(
                    "through `{name}` a token would cross in clear text to a server, or a proxy, that is not verified in \
                     full: name the endpoints that are"
                );
                mistakes.add(key.at("endpoints"), message);
            }
        }
    }
}

impl DynamicUser {
    /// The keys that say something.
    fn keys(&self) -> Vec<&'static str> {
        let keys = [
            ("member_of", !self.member_of.is_empty()),
            ("privileges", !self.privileges.is_empty()),
            ("set_role", self.set_role.is_some()),
            ("connection_limit", self.connection_limit.is_some()),
            ("databases", !self.databases.is_empty()),
            ("access", self.access.is_some()),
            ("replica", self.replica),
            ("cidrs", !self.cidrs.is_empty()),
            ("successor", self.successor.is_some()),
            ("require_where_on_delete", self.require_where_on_delete.is_some()),
            ("require_where_on_update", self.require_where_on_update.is_some()),
        ];
        keys.into_iter().filter_map(|(name, said)| said.then_some(name)).collect()
    }

    fn check(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        let (engine, known) = (database.engine.as_str(), database.engine.facts().dynamic_user);
        for name in self.keys().into_iter().filter(|name| !known.contains(name)) {
            let message = format!("the engine `{engine}` has no `{name}`; it has {}", check::list(known));
            mistakes.add(key.at(name), message);
        }
        if database.engine == EngineKind::PlanetscaleMysql {
            if self.access.is_none() {
                mistakes.add(key.at("access"), Access::MISSING);
            }
        } else if self.member_of.is_empty() && self.set_role.is_none() && self.privileges.is_empty() {
            let or =
                if known.contains(&"privileges") { ", or say what it may do with `privileges`" } else { "" };
            let message = format!(
                "the user would be a member of nothing and could do nothing: name a database role{or}"
            );
            mistakes.add(key.at("member_of"), message);
        }
        let protocol = database.protocol();
        check_names(protocol, &self.member_of, &key.at("member_of"), mistakes);
        check_names(protocol, &self.databases, &key.at("databases"), mistakes);
        if let Some(set_role) = &self.set_role {
            check_name(protocol, set_role, key.at("set_role"), mistakes);
        }
        for (index, privileges) in self.privileges.iter().enumerate() {
            privileges.check(&key.at("privileges").index(index), mistakes);
        }
        match self.connection_limit {
            Some(0) => {
                mistakes.add(key.at("connection_limit"), "0 would let nobody in: at least 1, or none at all")
            }
            Some(limit) if i32::try_from(limit).is_err() => {
                mistakes.add(
                    key.at("connection_limit"),
                    format!("{limit} is more than the {} of {}", i32::MAX, protocol.as_str()),
                );
            }
            _ => {}
        }
    }
}

impl ConnectToken {
    fn check(&self, database: &Database, key: &Key, mistakes: &mut Mistakes) {
        let key = key.at("username");
        check_admin(&self.username, database, key.clone(), mistakes);
        check::not_blank(&self.username, key, mistakes);
    }
}

/// Nobody becomes the superuser of a database at DB9 unless the operator says so.
fn check_admin(username: &str, database: &Database, key: Key, mistakes: &mut Mistakes) {
    let allowed = database.db9.as_ref().is_none_or(|db9| db9.allow_admin);
    if username == DB9_ADMIN && !allowed {
        let message = "`admin` may do everything: name a user with the privileges that are needed, \
                       or say `allow_admin: true` in the section `db9` of the database";
        mistakes.add(key, message);
    }
}

/// The same for two users whose passwords are rotated.
fn check_admins(users: &[String], database: &Database, key: &Key, mistakes: &mut Mistakes) {
    for (index, username) in users.iter().enumerate() {
        check_admin(username, database, key.index(index), mistakes);
    }
    if database.db9.is_some() && users.iter().all(|username| username == DB9_ADMIN) {
        let message = "DB9 ends the password of `admin` at once when it makes up another, so `admin` alone cannot \
                       be rotated: name a second superuser beside it, made with \
                       CREATE ROLE admin_b SUPERUSER LOGIN;";
        mistakes.add(key.clone(), message);
    }
}

fn check_names(protocol: Protocol, names: &[String], key: &Key, mistakes: &mut Mistakes) {
    check::no_repeats(names, key, mistakes);
    for (index, name) in names.iter().enumerate() {
        check_name(protocol, name, key.index(index), mistakes);
    }
}

fn check_name(protocol: Protocol, name: &str, key: Key, mistakes: &mut Mistakes) {
    let (length, longest, unit) = match protocol {
        // It cuts names after 63 bytes, silently: the user could become a member of another role than the one meant.
        Protocol::Postgres => (name.len(), 63, "bytes"),
        // Roles of MariaDB; those of MySQL are shorter, and the server says so.
        Protocol::Mysql => (name.chars().count(), 128, "characters"),
    };
    if !(1..=longest).contains(&length) || name.chars().any(char::is_control) {
        mistakes.add(key, format!("{name:?} is not a name in {}: 1 to {longest} {unit}", protocol.as_str()));
    }
}

fn check_parameter(name: &str, value: &str, key: Key, mistakes: &mut Mistakes) {
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    if !begins_well || !name.bytes().all(plain) {
        mistakes.add(key, format!("{name:?} is not the name of a setting: use a-z, 0-9, '_' and '.'"));
    } else if matches!(name, "role" | "session_authorization") {
        mistakes.add(key, format!("`{name}` decides who the user is, and is not a setting: see `set_role`"));
    } else if value.chars().any(char::is_control) {
        mistakes.add(key, "the value has a control character in it");
    }
}

/// The superuser of every database at DB9.
const DB9_ADMIN: &str = "admin";

/// A shorter lease would end while it is being handed out.
const SHORTEST_TTL: Span = Span::secs(10);

impl CredentialSpec {
    /// The kind alone.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::DynamicUser(_) => CredentialKind::DynamicUser,
            Self::RotatedPassword(_) => CredentialKind::RotatedPassword,
            Self::ConnectToken(_) => CredentialKind::ConnectToken,
        }
    }
}

fn drain() -> Span {
    Span(Duration::from_secs(30))
}
