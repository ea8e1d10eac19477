//! Kills, cuts off and stops while callers call; then looks whether anything was lost.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::call::Caller;
use crate::findings;
use crate::journal::Journal;
use crate::load::Load;
use crate::mischief::{Mischief, Mix};
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
    /// How many kills there are to be, at least.
    pub kills: u32,
    /// What is done.
    pub mix: Mix,
}

/// What came of a trial.
#[derive(Clone, Debug)]
pub struct Report {
    /// How often a replica was sent SIGKILL.
    pub kills: u32,
    /// How often a replica died at each fail point.
    pub points: BTreeMap<&'static str, u32>,
    /// How many DSNs were received.
    pub received: usize,
    /// How many leases there were.
    pub leases: usize,
    /// What is wrong, each in a sentence.
    pub findings: Vec<String>,
}

impl Chaos {
    /// Makes the trial. An error means that it could not be made; what it found is in the report.
    pub async fn run(&self, output: &Arc<Output>) -> anyhow::Result<Report> {
        output.say(format!("seed {}: servers and {} replicas are started", self.seed, self.replicas));
        let setting = Arc::new(Setting::start(&self.binary, self.replicas).await?);
        let journal = Arc::new(Journal::default());
        let load = Load::start(&setting, &journal, self.callers, self.seed);
        let mischief = Mischief::start(&setting, &journal, output, self.mix, self.seed);
        self.wait(&journal, &mischief).await;
        let programs = mischief.heal().await?;
        output.say("all is healed");
        let mut wrong = serves_again(&setting, &journal).await;
        load.stop().await;
        output.say("nobody calls any more; what was begun is finished or undone");
        wrong.extend(findings::settle(&setting).await?);
        output.say("settled; every lease that is left is revoked");
        revoke_all(&setting, &journal).await;
        wrong.extend(findings::settle_empty(&setting).await?);
        for mut program in programs {
            program.signal("TERM").await?;
            let (status, log) = program.ended().await?;
            if !status.success() {
                wrong.push(format!("a replica did not end in good order ({status}): {:?}", log.last()));
            }
        }
        match setting.verify().await {
            Ok(verdict) => output.say(format!("audit: {verdict}")),
            Err(error) => wrong.push(format!("{error:#}")),
        }
        let report = self.report(&setting, &journal, wrong, output).await?;
        if let Some(setting) = Arc::into_inner(setting) {
            setting.end().await?;
        }
        Ok(report)
    }

    async fn wait(&self, journal: &Journal, mischief: &Mischief) {
        let began = Instant::now();
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        // More kills than there is time for are waited for, but not for ever.
        while !mischief.has_failed()
            && (began.elapsed() < self.lasts || journal.notes().kills < self.kills)
            && began.elapsed() < self.lasts + KILLING
        {
            looks.tick().await;
        }
    }

    async fn report(
        &self,
        setting: &Setting,
        journal: &Journal,
        mut wrong: Vec<String>,
        output: &Output,
    ) -> anyhow::Result<Report> {
        let facts = setting.facts().await?;
        let notes = journal.notes();
        let (found, overlaps) = findings::all(&notes, &facts);
        wrong.extend(found);
        for ((asked, how), count) in &notes.answers {
            output.say(format!("{asked:>10}: {count:>6} × {how}"));
        }
        output.say(format!("{} kills, deaths at fail points: {:?}", notes.kills, notes.points));
        output.say(format!(
            "{} DSNs received, {} leases, {} logins; {} successors looked at, {} of them minted without Redis",
            notes.received.len(),
            facts.leases.len(),
            notes.logins,
            overlaps.pairs,
            overlaps.excused,
        ));
        Ok(Report {
            kills: notes.kills,
            points: notes.points.clone(),
            received: notes.received.len(),
            leases: facts.leases.len(),
            findings: wrong,
        })
    }
}

/// Every replica serves again without a restart; answers which do not.
async fn serves_again(setting: &Arc<Setting>, journal: &Arc<Journal>) -> Vec<String> {
    let mut wrong = Vec::new();
    for replica in &setting.replicas {
        let mut caller = Caller::new(setting, journal, "app-0", "instance-0");
        let deadline = Instant::now() + HEALING;
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        while caller.dsn(replica, "orders-request").await.is_none() {
            looks.tick().await;
            if Instant::now() > deadline {
                wrong.push(format!("{replica} does not serve again, though all is healed"));
                break;
            }
        }
    }
    wrong
}

async fn revoke_all(setting: &Arc<Setting>, journal: &Arc<Journal>) {
    let mut operator = Caller::new(setting, journal, "operator", "none");
    let asked = json!({ "database": "orders", "reason": "the trial is over" });
    if let Some(replica) = setting.replicas.first() {
        operator.call(replica, "incident", Method::POST, "/v1/revocations", Some(asked)).await;
    }
}

/// How long is gone on for the sake of kills that are missing.
const KILLING: Duration = Duration::from_secs(300);

/// How long a replica may take to serve again: a database that was away is left alone for half a minute.
const HEALING: Duration = Duration::from_secs(60);
