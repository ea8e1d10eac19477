//! What the API has begun, and is not over yet.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

/// All operations of the project.
#[derive(Debug, Default)]
pub(super) struct Operations {
    all: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    id: String,
    action: &'static str,
    begun: SystemTime,
    ends: SystemTime,
}

impl Operations {
    /// Begins one; what the API says of it.
    pub(super) fn begin(&mut self, action: &'static str, now: SystemTime, time: Duration) -> Value {
        let id = format!("00000000-0000-4000-8000-{:012x}", self.all.len());
        self.all.push(Operation { id, action, begun: now, ends: now + time });
        self.list(now).pop().unwrap_or_default()
    }

    /// Whether one is running: then no other can begin.
    pub(super) fn running(&self, now: SystemTime) -> bool {
        self.all.iter().any(|operation| operation.ends > now)
    }

    /// All of them.
    pub(super) fn list(&self, now: SystemTime) -> Vec<Value> {
        self.all.iter().map(|operation| operation.show(now)).collect()
    }
}

impl Operation {
    fn show(&self, now: SystemTime) -> Value {
        let taken = now.min(self.ends).duration_since(self.begun).unwrap_or_default();
        json!({
            "id": self.id,
            "project_id": super::PROJECT,
            "action": self.action,
            "status": if self.ends > now { "running" } else { "finished" },
            "failures_count": 0,
            "total_duration_ms": u64::try_from(taken.as_millis()).unwrap_or(u64::MAX),
        })
    }
}
