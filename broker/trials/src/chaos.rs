//! Kills, cuts off and stops while callers call; then looks whether anything was lost.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::conclusion::{Report, conclude};
use crate::journal::Journal;
use crate::load::Load;
use crate::mischief::{Mischief, Mix, POINTS};
use crate::output::Output;
use crate::setting::Setting;

/// What trial to make.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// The broker; a debug build, so that it can die at fail points.
    pub binary: PathBuf,
    /// How long the mischief lasts, at least.
    pub lasts: Duration,
    /// What chance begins with.
    pub seed: u64,
    /// How many replicas.
    pub replicas: usize,
    /// How many callers.
    pub callers: u64,
    /// How many kills there are to be, at least. If there are to be any, then also a death at each fail point.
    pub kills: u32,
    /// What is done.
    pub mix: Mix,
}

impl Chaos {
    /// Makes the trial. An error means that it could not be made; what it found is in the report.
    pub async fn run(&self, output: &Arc<Output>) -> anyhow::Result<Report> {
        output.say(format!("seed {}: servers and {} replicas are started", self.seed, self.replicas));
        let setting = Arc::new(Setting::start(&self.binary, self.replicas, TIMEOUT).await?);
        let journal = Arc::new(Journal::default());
        let load = Load::start(&setting, &journal, self.callers, self.seed);
        let mischief = Mischief::start(&setting, &journal, output, self.mix, self.seed);
        self.wait(&journal, &mischief).await;
        let programs = mischief.heal().await?;
        output.say("all is healed");
        conclude(setting, journal, load, programs, output).await
    }

    async fn wait(&self, journal: &Journal, mischief: &Mischief) {
        let began = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        // More kills than there is time for are waited for, but not for ever.
        while !mischief.has_failed()
            && (began.elapsed() < self.lasts || !self.has_killed_enough(journal))
            && began.elapsed() < self.lasts + KILLING
        {
            looks.tick().await;
        }
    }

    fn has_killed_enough(&self, journal: &Journal) -> bool {
        let notes = journal.notes();
        notes.kills >= self.kills && (self.kills == 0 || notes.points.len() == POINTS.len())
    }
}

/// How long is gone on for the sake of kills that are missing.
const KILLING: Duration = Duration::from_secs(300);

/// How long the broker waits for the ledger and the database: not long, since they will be away often.
const TIMEOUT: &str = "1s";
