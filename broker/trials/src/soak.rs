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
use crate::journal::Journal;
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
        report.findings.extend(samples.growth());
        report.findings.extend(in_trouble(&journal, report.undone));
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
        let mut samples = Samples::new(setting.clone(), journal.clone(), self.lasts);
        let changes = Changes::new(setting, journal, programs, output, self.lasts);
        let (sampled, changed) = tokio::join!(samples.take_until(programs, end), changes.make_until(end));
        sampled?;
        changed?;
        Ok(samples)
    }
}

/// Answers that are no wonder in chaos, and here there is no reason for.
///
/// An incident undoes what is being made at that moment, and who asked for it is told to ask again.
fn in_trouble(journal: &Journal, undone: usize) -> Vec<String> {
    let notes = journal.notes();
    let count =
        |how: &str| notes.answers.iter().filter(|((_, told), _)| told == how).map(|(_, count)| count).sum();
    let told: u64 = count(ASK_AGAIN);
    let excused = usize::try_from(told).is_ok_and(|told| told <= undone);
    let bad =
        |how: &str| how.starts_with("no answer") || how.starts_with('5') && !(how == ASK_AGAIN && excused);
    let answers = notes.answers.iter().filter(|((_, how), _)| bad(how));
    answers.map(|((asked, how), count)| format!("{count} calls ({asked}) ended with {how}")).collect()
}

const ASK_AGAIN: &str = "503 /problems/overloaded";

/// How long the broker waits for the ledger and the database.
const TIMEOUT: &str = "10s";
