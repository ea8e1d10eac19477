//! The use cases: issue, renew, revoke; and the tasks that make the world agree with the ledger.
//!
//! The life of a request is in [`issue`]; the end of every credential is in [`end`], whoever asks for it.

mod end;
pub mod failpoint;
mod failures;
mod flight;
mod issue;
mod keep;
mod kept;
mod mint;
mod name;
mod reaper;
mod renew;
mod revoke;
mod rotate;
mod rotate_admin;
mod sweeper;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::{Notify, OnceCell};
use tokio_util::task::TaskTracker;

pub use failures::Failures;
pub use issue::{Ask, IssueError, Issued, MIN_TTL};
pub use kept::LedgerPasswords;
pub use mint::MintError;
pub use reaper::Reaper;
pub use renew::RenewError;
pub use revoke::{Revocation, RevokeError};
pub use rotate_admin::RotateError;
pub use sweeper::{Orphans, Sweeper};

use crate::cache::Cache;
use crate::engine::{EngineError, Site};
use crate::entropy::Entropy;
use crate::ledger::{Ledger, LedgerError};
use crate::model::DatabaseName;
use crate::seal::Sealer;
use crate::telemetry::Metrics;
use crate::time::Clock;

/// The databases that are configured, with their engines.
pub type Sites = BTreeMap<DatabaseName, Arc<Site>>;

/// What the use cases work with. One per process.
pub struct Broker {
    /// What was issued, and the record of everything.
    pub ledger: Arc<Ledger>,
    /// What replicas share.
    pub cache: Arc<Cache>,
    /// The databases; replaced as a whole when the configuration changes.
    pub sites: ArcSwap<Sites>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where chance comes from.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What seals the passwords that are kept in the ledger.
    pub sealer: Arc<Sealer>,
    keep: keep::Keep,
    flights: flight::Flights,
    tag: OnceCell<String>,
    due: Notify,
    /// What callers started, and is finished even if they go away.
    pub tasks: TaskTracker,
}

impl Broker {
    /// Puts the parts together.
    pub fn new(
        ledger: Arc<Ledger>,
        cache: Arc<Cache>,
        sealer: Arc<Sealer>,
        sites: Sites,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        Arc::new(Self {
            ledger,
            keep: keep::Keep::new(cache.clone(), clock.clone()),
            cache,
            sealer,
            sites: ArcSwap::from_pointee(sites),
            clock,
            entropy,
            metrics,
            flights: flight::Flights::default(),
            tag: OnceCell::new(),
            due: Notify::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// The database of this name.
    pub fn site(&self, name: &DatabaseName) -> Result<Arc<Site>, EngineError> {
        self.sites.load().get(name).cloned().ok_or_else(|| EngineError::Unavailable {
            detail: format!("database {name} is not in the configuration any more: put it back"),
        })
    }

    /// The tag of this installation, part of all user names.
    async fn tag(&self) -> Result<&str, LedgerError> {
        self.tag.get_or_try_init(|| self.ledger.installation()).await.map(String::as_str)
    }

    /// Waits for what callers started and went away from.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}
