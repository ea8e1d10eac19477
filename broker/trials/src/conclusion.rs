//! The end of every trial: nobody calls any more, all comes to rest, and is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use devstack::Program;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use crate::call::Caller;
use crate::findings;
use crate::journal::Journal;
use crate::load::Load;
use crate::output::Output;
use crate::setting::{DATABASES, Setting};

/// What came of a trial.
#[derive(Clone, Debug)]
pub struct Report {
    /// How often a replica was sent SIGKILL.
    pub kills: u32,
    /// How often a replica died at each fail point.
    pub points: BTreeMap<&'static str, u32>,
    /// How many DSNs were received.
    pub received: usize,
    /// How many logins with them worked, by engine.
    pub logins: BTreeMap<String, u64>,
    /// How many leases there were.
    pub leases: usize,
    /// How many of them were of a rotated password.
    pub rotations: usize,
    /// How often a lease was followed by another one for the same key.
    pub successors: u32,
    /// How many of them were made before the time, which was nothing to wonder about.
    pub excused: u32,
    /// What is wrong, each in a sentence.
    pub findings: Vec<String>,
}

/// Lets everything come to rest and end, and compares what callers saw with what is there.
///
/// Nothing is to be cut off or stopped any more, and every replica to be running, as `programs`.
pub(crate) async fn conclude(
    setting: Arc<Setting>,
    journal: Arc<Journal>,
    load: Load,
    programs: Vec<Program>,
    output: &Output,
) -> anyhow::Result<Report> {
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
    let report = report(&setting, &journal, wrong, output).await?;
    if let Some(setting) = Arc::into_inner(setting) {
        setting.end().await?;
    }
    Ok(report)
}

async fn report(
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
    let (received, leases) = (notes.received.len(), facts.leases.len());
    let rotations = facts.leases.iter().filter(|lease| lease.rotated).count();
    output.say(format!("{} kills; deaths at fail points: {:?}", notes.kills, notes.points));
    output.say(format!(
        "{received} DSNs received, {leases} leases ({rotations} of a rotated password), logins: {:?}",
        notes.logins
    ));
    output.say(format!(
        "{} leases had a successor, {} of them before the time, which is excused",
        overlaps.pairs, overlaps.excused
    ));
    Ok(Report {
        kills: notes.kills,
        points: notes.points.clone(),
        received,
        logins: notes.logins.clone(),
        leases,
        rotations,
        successors: overlaps.pairs,
        excused: overlaps.excused,
        findings: wrong,
    })
}

/// Every replica serves again without a restart, from every database; answers what it does not.
async fn serves_again(setting: &Arc<Setting>, journal: &Arc<Journal>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (replica, database) in
        setting.replicas.iter().flat_map(|replica| DATABASES.map(|database| (replica, database)))
    {
        let role = format!("{database}-request");
        let mut caller = Caller::new(setting, journal, "app-0", "instance-0");
        let deadline = Instant::now() + HEALING;
        let mut looks = tokio::time::interval(Duration::from_millis(250));
        while caller.dsn(replica, &role).await.is_none() {
            looks.tick().await;
            if Instant::now() > deadline {
                wrong.push(format!("{replica} does not serve {role} again, though all is healed"));
                break;
            }
        }
    }
    wrong
}

async fn revoke_all(setting: &Arc<Setting>, journal: &Arc<Journal>) {
    let mut operator = Caller::new(setting, journal, "operator", "none");
    let Some(replica) = setting.replicas.first() else { return };
    for database in DATABASES {
        let asked = json!({ "database": database, "reason": "the trial is over" });
        operator.call(replica, "incident", Method::POST, "/v1/revocations", Some(asked)).await;
    }
}

/// How long a replica may take to serve again: a database that was away is left alone for half a minute.
const HEALING: Duration = Duration::from_secs(60);
