//! What may not grow, looked at all the time.
//!
//! The first quarter of the samples is warm-up. Of what is left, the median of the last quarter of the trial may be
//! above that of the second quarter by a tolerance, a part of it and an absolute one: a leak shows in any trial
//! that is long enough, and one busy moment does not.

use std::time::Duration;

use anyhow::Context as _;
use devstack::Program;
use tokio::time::Instant;

use crate::journal::Journal;
use crate::setting::Setting;

/// What was measured so far.
pub(super) struct Samples {
    every: Duration,
    measures: Vec<Measure>,
}

/// One thing that is measured, with its values in their order.
struct Measure {
    name: &'static str,
    unit: &'static str,
    /// By how much it may be higher at the end: this part of it, and this much.
    part: f64,
    much: f64,
    values: Vec<f64>,
}

impl Samples {
    pub(super) fn new(lasts: Duration) -> Self {
        let every = (lasts / 120).clamp(Duration::from_millis(250), Duration::from_secs(30));
        let measure = |(name, unit, part, much)| Measure { name, unit, part, much, values: Vec::new() };
        Self { every, measures: MEASURES.map(measure).into() }
    }

    pub(super) async fn take_until(
        &mut self,
        end: Instant,
        setting: &Setting,
        journal: &Journal,
        programs: &[Program],
    ) -> anyhow::Result<()> {
        let mut turns = tokio::time::interval(self.every);
        while Instant::now() < end {
            turns.tick().await;
            let values = take(setting, journal, programs).await?;
            for (measure, value) in self.measures.iter_mut().zip(values) {
                measure.values.push(value);
            }
        }
        Ok(())
    }

    /// A line for each measure.
    pub(super) fn table(&self) -> Vec<String> {
        let head = ["", "2nd quarter", "last quarter", "highest", "may be"];
        let line = |cells: [String; 5]| {
            let [name, cells @ ..] = cells;
            cells.iter().fold(format!("{name:<28}"), |line, cell| format!("{line}{cell:>14}"))
        };
        let row = |measure: &Measure| {
            let (before, after) = measure.compared();
            let values = [before, after, measure.highest(), measure.allowed()];
            let [before, after, highest, allowed] = values.map(|value| format!("{value:.1}"));
            line([format!("{} ({})", measure.name, measure.unit), before, after, highest, allowed])
        };
        std::iter::once(line(head.map(str::to_owned))).chain(self.measures.iter().map(row)).collect()
    }

    /// What has grown by more than its tolerance. How long calls take says something only on a machine kept for it.
    pub(super) fn growth(&self, alone: bool) -> Vec<String> {
        let counts = |measure: &&Measure| alone || measure.unit != "ms";
        let grown = |measure: &&Measure| measure.compared().1 > measure.allowed();
        let grown = self.measures.iter().filter(counts).filter(grown);
        let say = |measure: &Measure| {
            let (before, after) = measure.compared();
            format!("{} has grown from {before:.1} to {after:.1} {}", measure.name, measure.unit)
        };
        grown.map(say).collect()
    }
}

impl Measure {
    /// The medians of the second and of the last quarter.
    fn compared(&self) -> (f64, f64) {
        let quarter = |number: usize| {
            let (from, until) = (self.values.len() * number / 4, self.values.len() * (number + 1) / 4);
            median(self.values.get(from..until).unwrap_or_default())
        };
        (quarter(1), quarter(3))
    }

    fn allowed(&self) -> f64 {
        self.compared().0 * (1.0 + self.part) + self.much
    }

    fn highest(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }
}

/// In the order of [`MEASURES`]; of the replicas the sum.
async fn take(
    setting: &Setting,
    journal: &Journal,
    programs: &[Program],
) -> anyhow::Result<[f64; MEASURES.len()]> {
    let (mut memory, mut descriptors) = (0.0, 0_u32);
    for program in programs {
        memory += resident(program)?;
        descriptors += u32::try_from(std::fs::read_dir(program.proc().join("fd"))?.count())?;
    }
    let world = &setting.world;
    let ledger: f64 = world.ledger().query_text("ledger", LEDGER_CONNECTIONS).await?.parse()?;
    let target: f64 = world.orders().query_text("orders", TARGET_CONNECTIONS).await?.parse()?;
    let mariadb: f64 = setting.mariadb.query_text("", MARIADB_CONNECTIONS).await?.parse()?;
    let lag: f64 = world.ledger().query_text("ledger", LAG).await?.parse()?;
    let mut took = std::mem::take(&mut journal.notes().took);
    took.sort_unstable();
    let at = |part: usize| took.get(took.len() * part / 100).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    Ok([memory, f64::from(descriptors), ledger, target, mariadb, lag, at(50), at(95)])
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Resident memory in MiB.
fn resident(program: &Program) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(program.proc().join("status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// Name, unit, and by how much it may be higher at the end. Connections may come as far as one pool goes, which a busy
/// machine needs late: what leaks with each change is more in the end.
const MEASURES: [(&str, &str, f64, f64); 8] = [
    ("memory", "MiB", 0.1, 8.0),
    ("descriptors", "files", 0.1, 16.0),
    ("connections to the ledger", "of all", 0.0, 2.0),
    ("connections to the target", "of all", 0.0, 8.0),
    ("connections to MariaDB", "of all", 0.0, 8.0),
    ("lag of the reaper", "s", 0.0, 2.0),
    ("half of the DSNs within", "ms", 0.5, 20.0),
    ("95 % of the DSNs within", "ms", 0.5, 100.0),
];

const LEDGER_CONNECTIONS: &str = "select count(*) from pg_stat_activity where usename = 'ledger_writer'";
const TARGET_CONNECTIONS: &str = "select count(*) from pg_stat_activity where usename = 'broker_admin'";
const MARIADB_CONNECTIONS: &str =
    "select count(*) from information_schema.processlist where user = 'dsn_broker'";
const LAG: &str = "select coalesce(extract(epoch from clock_timestamp() - min(due_at)), 0) from leases \
                   where due_at < clock_timestamp()";

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(values: impl IntoIterator<Item = f64>) -> Measure {
        Measure { name: "memory", unit: "MiB", part: 0.1, much: 8.0, values: values.into_iter().collect() }
    }

    fn has_grown(measure: &Measure) -> bool {
        measure.compared().1 > measure.allowed()
    }

    #[test]
    fn a_leak_is_growth_and_warming_up_is_not() {
        assert!(has_grown(&measure((0..120).map(|at| 50.0 + f64::from(at) / 4.0))));
        assert!(!has_grown(&measure((0..120).map(|at| 50.0 + f64::from(at.min(30))))));
    }

    #[test]
    fn a_busy_moment_is_no_growth() {
        let busy = (0..120).map(|at| if (100..110).contains(&at) { 500.0 } else { 50.0 });
        assert!(!has_grown(&measure(busy)));
    }
}
