//! A role or a password.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::branches::{Branch, Kind};
use super::state::{Habits, Unsaid};

/// A credential that was made, and is kept after its end.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) engine: Kind,
    pub(super) branch: &'static str,
    pub(super) id: String,
    pub(super) name: String,
    /// As the server behind knows it.
    pub(super) user: String,
    /// Whether it is the role that every branch has.
    pub(super) default: bool,
    pub(super) created_at: SystemTime,
    pub(super) ttl: Option<Duration>,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) deleted: bool,
    /// Whether its sessions were ended after it had expired.
    pub(super) cut: bool,
    /// After how many looks at it it is ready.
    pub(super) looks: u32,
    pub(super) inherited_roles: Vec<String>,
    pub(super) query_safety: Map<String, Value>,
    pub(super) access: String,
    pub(super) replica: bool,
    pub(super) cidrs: Vec<String>,
}

impl Credential {
    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    pub(super) fn is_live(&self, now: SystemTime) -> bool {
        !self.deleted && !self.is_expired(now)
    }

    /// What a client says that it is.
    pub(super) fn username(&self) -> String {
        match self.engine {
            Kind::Postgres => format!("{}.{}", self.base(), self.branch),
            Kind::Mysql => self.user.clone(),
        }
    }

    fn base(&self) -> &str {
        if self.default { "postgres" } else { &self.user }
    }

    /// Whether a filter of the list lets it through.
    pub(super) fn has_status(&self, status: &str, now: SystemTime) -> bool {
        match status {
            "expired" => self.is_expired(now),
            "active" => !self.is_expired(now),
            "renewable" => !self.is_expired(now) && self.ttl.is_some(),
            "disabled" => false,
            _ => true,
        }
    }

    /// As the API shows it; its secret only if it has just been made.
    pub(super) fn to_json(
        &self,
        branch: &Branch,
        host: &str,
        secret: Option<&str>,
        now: SystemTime,
        habits: &Habits,
    ) -> Value {
        let mut shown = self.common(host, now);
        let own = match self.engine {
            Kind::Postgres => self.role(branch),
            Kind::Mysql => self.password(branch),
        };
        shown.extend(own);
        let key = if self.engine == Kind::Postgres { "password" } else { "plain_text" };
        let value = match (secret, habits.secret_on_read) {
            (Some(secret), _) => Some(json!(secret)),
            (None, Unsaid::Null) => Some(Value::Null),
            (None, Unsaid::Empty) => Some(json!("")),
            (None, Unsaid::Omitted) => None,
        };
        if let Some(value) = value {
            shown.insert(key.to_owned(), value);
        }
        Value::Object(shown)
    }

    fn common(&self, host: &str, now: SystemTime) -> Map<String, Value> {
        object(json!({
            "id": self.id, "name": self.name, "username": self.username(), "access_host_url": host,
            "created_at": text(self.created_at), "deleted_at": null,
            "expires_at": self.expires_at.map(text), "expired": self.is_expired(now),
            "actor": { "id": "6hnhqpmd0fv7", "display_name": "broker", "avatar_url": "" },
        }))
    }

    fn role(&self, branch: &Branch) -> Map<String, Value> {
        object(json!({
            "base_username": self.base(), "database_name": "postgres", "updated_at": text(self.created_at),
            "dropped_at": null, "disabled_at": null, "drop_failed": null, "ready": self.looks == 0,
            "default": self.default, "ttl": self.ttl.map(|ttl| ttl.as_secs()), "inherited_roles": self.inherited_roles,
            "with_replication": false, "query_safety_settings": self.query_safety,
            "private_access_host_url": null, "private_connection_service_name": null,
            "branch": { "id": branch.id, "name": branch.name, "deleted_at": null },
        }))
    }

    fn password(&self, branch: &Branch) -> Map<String, Value> {
        object(json!({
            "role": self.access, "replica": self.replica, "renewable": self.ttl.is_some(),
            "cidrs": if self.cidrs.is_empty() { Value::Null } else { json!(self.cidrs) },
            "ttl_seconds": self.ttl.map(|ttl| ttl.as_secs()), "last_used_at": null, "direct_vtgate": false,
            "direct_vtgate_addresses": [], "access_host_regional_url": null, "access_host_regional_urls": [],
            "region": { "slug": "us-east" },
            "database_branch": { "id": branch.id, "name": branch.name, "production": branch.production },
        }))
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// `2021-01-14T10:19:23.000Z`
fn text(moment: SystemTime) -> String {
    DateTime::<Utc>::from(moment).to_rfc3339_opts(SecondsFormat::Millis, true)
}
