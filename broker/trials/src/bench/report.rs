//! What was measured: a table for people, JSON for machines.

use std::fmt::Write as _;

use serde::Serialize;

use super::Plan;

/// All that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    rounds: usize,
    seconds_per_round: u64,
    cores: usize,
    rows: Vec<Row>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) unit: &'static str,
    /// The broker's median.
    pub(super) broker: f64,
    /// The median of the bare limit.
    pub(super) bare: Option<f64>,
    /// What is looked at: the ratio of the two, or the figure itself.
    pub(super) mark: Option<Mark>,
    /// The figure of each round.
    pub(super) broker_rounds: Vec<f64>,
    pub(super) bare_rounds: Vec<f64>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) enum Mark {
    /// The ratio to the bare limit is at least this.
    RatioAtLeast(f64),
    /// The ratio to the bare limit is at most this.
    RatioAtMost(f64),
    /// The figure is at least this.
    AtLeast(f64),
    /// The figure is at most this.
    AtMost(f64),
}

impl Report {
    pub(super) fn new(plan: &Plan) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self { rounds: plan.rounds, seconds_per_round: plan.seconds, cores, rows: Vec::new() }
    }

    /// Adds a figure of its own.
    pub(super) fn add(&mut self, what: &str, unit: &'static str, rounds: Vec<f64>, mark: Option<Mark>) {
        self.rows.push(Row {
            what: what.to_owned(),
            unit,
            broker: median(&rounds),
            bare: None,
            mark,
            broker_rounds: rounds,
            bare_rounds: Vec::new(),
        });
    }

    /// Adds a figure beside that of the bare limit.
    pub(super) fn compare(
        &mut self,
        what: &str,
        unit: &'static str,
        broker: Vec<f64>,
        bare: Vec<f64>,
        mark: Option<Mark>,
    ) {
        let limit = median(&bare);
        self.add(what, unit, broker, mark);
        if let Some(row) = self.rows.last_mut() {
            (row.bare, row.bare_rounds) = (Some(limit), bare);
        }
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut table = format!(
            "\n{:<58}{:>12}{:>12}{:>8}  {}\n",
            format!("medians of {} rounds, {} cores", self.rounds, self.cores),
            "broker",
            "bare",
            "ratio",
            "mark"
        );
        for row in &self.rows {
            let bare = row.bare.map_or(String::new(), number);
            let ratio = row.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
            let what = format!("{}, {}", row.what, row.unit);
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                table,
                "{what:<58}{:>12}{bare:>12}{ratio:>8}  {}",
                number(row.broker),
                row.verdict()
            );
        }
        table
    }
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.bare.map(|bare| self.broker / bare)
    }

    fn verdict(&self) -> String {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        let (text, met) = match self.mark {
            None => return String::new(),
            Some(Mark::RatioAtLeast(mark)) => (format!("ratio at least {mark}"), ratio >= mark),
            Some(Mark::RatioAtMost(mark)) => (format!("ratio at most {mark}"), ratio <= mark),
            Some(Mark::AtLeast(mark)) => (format!("at least {mark}"), self.broker >= mark),
            Some(Mark::AtMost(mark)) => (format!("at most {mark}"), self.broker <= mark),
        };
        format!("{text}: {}", if met { "met" } else { "NOT MET" })
    }
}

pub(super) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => f64::midpoint(*low, *high),
        (_, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

fn number(figure: f64) -> String {
    if figure >= 100.0 { format!("{figure:.0}") } else { format!("{figure:.2}") }
}
