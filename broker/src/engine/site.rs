//! A configured database with its engine, kept apart from the others: its own circuit breaker, its own
//! deadline; the limit of concurrency is the engine's. A dead one costs its callers one error and nobody else
//! anything.

use std::sync::Arc;
use std::time::Duration;

use crate::config;
use crate::engine::{Engine, EngineError, breaker::Breaker};
use crate::model::DatabaseName;
use crate::time::Clock;

/// A configured database with its engine.
pub struct Site {
    /// Its name.
    pub name: DatabaseName,
    /// Its configuration.
    pub config: config::Database,
    /// What it can do.
    pub engine: Engine,
    breaker: Breaker,
    clock: Arc<dyn Clock>,
}

impl Site {
    /// Puts limits around an engine.
    pub fn new(name: DatabaseName, config: config::Database, engine: Engine, clock: Arc<dyn Clock>) -> Self {
        Self { name, config, engine, breaker: Breaker::default(), clock }
    }

    /// Makes one call, within the limits.
    pub async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let admission = self.breaker.admit(self.clock.now()).map_err(|until| EngineError::Unavailable {
            detail: format!("it did not answer lately; the next try is at {}", until.to_rfc3339()),
        })?;
        let timeout = self.timeout();
        let result = tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| {
            Err(EngineError::Unavailable { detail: format!("no answer within {timeout:?}") })
        });
        let reachable = !matches!(result, Err(EngineError::Unavailable { .. }));
        self.breaker.record(self.clock.now(), admission, reachable);
        result
    }

    /// How long one call may take.
    pub fn timeout(&self) -> Duration {
        self.config.timeout.0
    }

    /// Whether it was found not to answer.
    pub fn is_down(&self) -> bool {
        self.breaker.is_open()
    }
}
