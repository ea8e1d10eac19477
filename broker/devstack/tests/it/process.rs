//! The process table, and waiting for it to change.

use std::fs;
use std::time::Duration;

/// A process, told from a later one with the same number by when it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    parent: u32,
    started: u64,
    pub(crate) name: String,
}

impl Process {
    /// The one with this number, if it has not ended.
    pub(crate) fn with(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (before, after) = stat.rsplit_once(") ")?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split(' ').collect();
        let alive = !matches!(fields[0], "Z" | "X");
        alive.then(|| Self {
            id,
            parent: fields[1].parse().unwrap(),
            started: fields[19].parse().unwrap(),
            name,
        })
    }

    /// The processes that it started, and theirs.
    pub(crate) fn descendants(id: u32) -> Vec<Self> {
        let all: Vec<Self> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| Self::with(entry.ok()?.file_name().to_str()?.parse().ok()?))
            .collect();
        let mut found: Vec<Self> = Vec::new();
        let mut parents = vec![id];
        while let Some(parent) = parents.pop() {
            for process in all.iter().filter(|process| process.parent == parent) {
                parents.push(process.id);
                found.push(process.clone());
            }
        }
        found
    }

    pub(crate) fn is_alive(&self) -> bool {
        Self::with(self.id).is_some_and(|now| now.started == self.started)
    }

    pub(crate) fn arguments(&self) -> Vec<String> {
        let line = fs::read(format!("/proc/{}/cmdline", self.id)).unwrap_or_default();
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }
}

/// Waits until the condition holds, for half a minute at most.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    for _ in 0..1500 {
        ticks.tick().await;
        if condition() {
            return;
        }
    }
    panic!("not in time: {what}");
}
