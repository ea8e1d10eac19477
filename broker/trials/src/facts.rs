//! What is on record and in the world: the other side of the comparison. Read by superusers, past the broker.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::journal::Moment;
use crate::setting::Setting;

/// A lease, as it is on record.
#[derive(Debug, Deserialize)]
pub(crate) struct LeaseFact {
    pub(crate) id: String,
    pub(crate) role: String,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) cache_key: String,
    pub(crate) username: String,
    /// Whether its user was there before, and stays.
    pub(crate) rotated: bool,
    pub(crate) created_at: Moment,
    pub(crate) refresh_after: Option<Moment>,
    pub(crate) expires_at: Option<Moment>,
    pub(crate) ended_at: Option<Moment>,
    pub(crate) due_at: Option<Moment>,
    pub(crate) claimed: bool,
    pub(crate) last_error: Option<String>,
}

/// An event about a lease.
#[derive(Debug, Deserialize)]
pub(crate) struct EventFact {
    pub(crate) lease: String,
    pub(crate) action: String,
    pub(crate) at: Moment,
    pub(crate) request: Option<String>,
    /// Until when a new or renewed lease is good.
    pub(crate) expires_at: Option<Moment>,
}

/// All of it, at about the same time.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) leases: Vec<LeaseFact>,
    pub(crate) events: Vec<EventFact>,
}

impl Setting {
    /// Everything that the ledger knows of leases.
    pub(crate) async fn facts(&self) -> anyhow::Result<Facts> {
        Ok(Facts { leases: self.at_ledger(LEASES).await?, events: self.at_ledger(EVENTS).await? })
    }

    /// Leases that have not ended.
    pub(crate) async fn live(&self) -> anyhow::Result<Vec<LeaseFact>> {
        self.at_ledger(&format!("{LEASES} where due_at is not null")).await
    }

    /// The users in both databases that are named as the broker names them. No two have the same name.
    pub(crate) async fn users(&self) -> anyhow::Result<BTreeSet<String>> {
        let tag = self.world.ledger().query_text("ledger", "select tag from installation").await?;
        let query = format!("select rolname from pg_roles where starts_with(rolname, 'dsn_{tag}_')");
        let orders = self.world.orders().query_text("orders", &query).await?;
        let query = format!("select user from mysql.user where user like 'dsn\\_{tag}\\_%'");
        let mysql = self.mariadb.query_text("", &query).await?;
        Ok(orders.lines().chain(mysql.lines()).map(str::to_owned).collect())
    }

    async fn at_ledger<T: DeserializeOwned>(&self, query: &str) -> anyhow::Result<Vec<T>> {
        let query = format!("select coalesce(json_agg(fact), '[]') from ({query}) fact");
        let text = self.world.ledger().query_text("ledger", &query).await?;
        serde_json::from_str(&text).context("the ledger's answer is not what was asked for")
    }
}

const LEASES: &str = "select id, role, state, reason, cache_key, handle ->> 'username' as username, \
                      coalesce(handle ->> 'kind' = 'rotated_password', false) as rotated, created_at, \
                      refresh_after, expires_at, ended_at, due_at, claim is not null as claimed, last_error \
                      from leases";

const EVENTS: &str = "select lease, action, at, request, detail::json ->> 'expires_at' as expires_at \
                      from audit_events where lease is not null";
