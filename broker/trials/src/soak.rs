//! Lets callers call for long while the configuration changes, and looks whether anything grows.
//!
//! Nothing is broken here: every call is answered, and no answer says that the broker is in trouble.

mod changes;
mod samples;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use devstack::Program;
use tokio::time::Instant;

use crate::conclusion::{Report, conclude};
use crate::journal::{FailedCall, Journal, Kind, Trouble};
use crate::load::Load;
use crate::output::Output;
use crate::setting::Setting;
use changes::Changes;
use samples::Samples;

/// What trial to make.
#[derive(Clone, Debug)]
pub struct Soak {
    /// The broker.
    pub binary: PathBuf,
    /// How long callers call.
    pub lasts: Duration,
    /// What chance begins with.
    pub seed: u64,
    /// How many replicas.
    pub replicas: usize,
    /// How many callers.
    pub callers: u64,
    /// Whether nothing else runs on this machine, so that the time that calls take says something.
    pub alone: bool,
}

impl Soak {
    /// Makes the trial. An error means that it could not be made; what it found is in the report.
    pub async fn run(&self, output: &Arc<Output>) -> anyhow::Result<Report> {
        output.say(format!("seed {}: servers and {} replicas are started", self.seed, self.replicas));
        let setting = Arc::new(Setting::start(&self.binary, self.replicas, TIMEOUT).await?);
        let journal = Arc::new(Journal::default());
        let mut programs = Vec::new();
        for replica in &setting.replicas {
            programs.push(replica.start(None).await?);
        }
        let load = Load::start(&setting, &journal, self.callers, self.seed);
        let samples = self.watch(&setting, &journal, &programs, output).await?;
        samples.table().iter().for_each(|line| output.say(line));
        let mut report = conclude(setting, journal.clone(), load, programs, output).await?;
        report.findings.extend(samples.growth(self.alone));
        report.findings.extend(in_trouble(&journal));
        Ok(report)
    }

    /// Changes the configuration in turn, and takes samples all the time.
    async fn watch(
        &self,
        setting: &Arc<Setting>,
        journal: &Arc<Journal>,
        programs: &[Program],
        output: &Output,
    ) -> anyhow::Result<Samples> {
        let end = Instant::now() + self.lasts;
        let mut samples = Samples::new(self.lasts);
        let changes = Changes::new(setting, journal, programs, output, self.lasts);
        let (sampled, changed) =
            tokio::join!(samples.take_until(end, setting, journal, programs), changes.make_until(end));
        sampled?;
        changed?;
        Ok(samples)
    }
}

/// Calls that failed: no wonder in chaos, and here there is no reason for it but one. An incident undoes what is being
/// made at that moment, and the one who has asked for that is told to ask again; who waited for it, or asks next, is
/// served.
fn in_trouble(journal: &Journal) -> Vec<String> {
    let notes = journal.notes();
    let excused = |call: &FailedCall| {
        let incident = |trouble: &Trouble| {
            trouble.kind == Kind::Incident && trouble.from <= call.until && call.from <= trouble.until
        };
        call.how == "503 /problems/overloaded" && notes.troubles.iter().any(incident)
    };
    let failed = notes.failed.iter().filter(|call| !excused(call));
    failed.map(|call| format!("a call ({}) at {} ended with {}", call.asked, call.from, call.how)).collect()
}

/// How long the broker waits for the ledger and the database.
const TIMEOUT: &str = "10s";
