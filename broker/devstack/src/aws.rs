//! What of AWS is needed: whose keys are good, who gives them out, and databases at RDS that check what they signed.

mod gate;
mod giver;
mod rds;
mod rds_mysql;
mod token;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

pub use self::giver::{Given, KeyGiver};
pub use self::rds::Rds;
pub use self::rds_mysql::RdsMysql;
use crate::entropy;

/// The keys that are good; clones are the same account.
#[derive(Clone, Debug, Default)]
pub struct Aws(Arc<State>);

#[derive(Debug, Default)]
struct State {
    keys: Mutex<BTreeMap<String, AwsKey>>,
    /// In seconds since 1970; 0 for the machine's clock.
    now: AtomicU64,
}

/// A key, and what it may do.
#[derive(Clone, Debug)]
pub struct AwsKey {
    /// Its identifier.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// What must come with it, if it is a temporary one.
    pub session_token: Option<String>,
    /// When it ends, in seconds since 1970.
    pub expires_at: Option<u64>,
    /// The database users for whom it may sign (`rds-db:connect`).
    pub users: Vec<String>,
}

impl Aws {
    /// An account without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a key that does not end.
    pub fn key(&self, users: &[&str]) -> anyhow::Result<AwsKey> {
        self.make("AKIA", users, None)
    }

    /// Makes a temporary key that ends so many seconds from now.
    fn temporary_key(&self, users: &[String], lifetime: i64) -> anyhow::Result<AwsKey> {
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        self.make("ASIA", &users, Some(self.now().saturating_add_signed(lifetime)))
    }

    fn make(&self, kind: &str, users: &[&str], expires_at: Option<u64>) -> anyhow::Result<AwsKey> {
        let id = entropy::password()?.to_ascii_uppercase().chars().take(16).collect::<String>();
        let key = AwsKey {
            access_key_id: format!("{kind}{id}"),
            // With what has to be encoded somewhere, as theirs have.
            secret_access_key: format!("a/B+{}", entropy::password()?),
            session_token: expires_at
                .map(|_| entropy::password())
                .transpose()?
                .map(|token| format!("F/{token}+==")),
            expires_at,
            users: users.iter().map(|user| (*user).to_owned()).collect(),
        };
        self.keys().insert(key.access_key_id.clone(), key.clone());
        Ok(key)
    }

    /// What time it is from now on, in seconds since 1970.
    pub fn set_now(&self, now: u64) {
        self.0.now.store(now, Ordering::SeqCst);
    }

    fn now(&self) -> u64 {
        match self.0.now.load(Ordering::SeqCst) {
            0 => SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs()),
            now => now,
        }
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, AwsKey>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
