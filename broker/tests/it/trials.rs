//! The trials that `make chaos` and `make soak` make, shorter, on servers of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dsn_broker::broker::failpoint;
use trials::chaos::Chaos;
use trials::soak::Soak;
use trials::{Mix, Output, POINTS, Report};

use crate::stand::run;

fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_dsn-broker"))
}

/// Two replicas and a few callers; nothing may be found.
async fn chaos(mix: Mix, lasts: Duration, kills: u32) -> Report {
    let output = Arc::new(Output::kept());
    let chaos = Chaos { binary: binary(), lasts, seed: 7, replicas: 2, callers: 4, kills, mix };
    let report = chaos.run(&output).await.unwrap();
    nothing_is_wrong(&report, &output);
    report
}

#[track_caller]
fn nothing_is_wrong(report: &Report, output: &Output) {
    assert!(report.findings.is_empty(), "{}\n{:#?}", output.text(), report.findings);
    assert!(report.received > 20, "it was under load: {}", output.text());
    assert!(report.logins.keys().eq(["mysql", "postgres"]), "both were used: {}", output.text());
    assert!(report.rotations > 1, "a password was rotated: {}", output.text());
}

#[test]
fn two_hundred_kills_at_any_moment_and_one_at_each_step_lose_nothing() {
    run(async {
        let report = chaos(Mix::Kills, Duration::from_secs(30), 200).await;
        assert!(report.kills >= 200, "{report:?}");
        assert_eq!(report.points.len(), POINTS.len(), "{report:?}");
        assert_eq!(report.excused, 0, "a kill is no excuse to mint twice");
    });
}

#[test]
fn two_replicas_that_are_cut_off_from_redis_and_the_ledger_in_turn_lose_nothing() {
    run(async {
        let report = chaos(Mix::Partitions, Duration::from_secs(40), 0).await;
        assert!(report.kills > 0 && report.successors > report.excused, "{report:?}");
    });
}

#[test]
fn servers_that_are_killed_and_stopped_lose_nothing() {
    run(async {
        chaos(Mix::All, Duration::from_secs(40), 0).await;
    });
}

#[test]
fn nothing_grows_while_callers_call_and_the_configuration_changes() {
    run(async {
        let output = Arc::new(Output::kept());
        let lasts = Duration::from_secs(30);
        let soak = Soak { binary: binary(), lasts, seed: 7, replicas: 2, callers: 4, alone: false };
        let report = soak.run(&output).await.unwrap();
        nothing_is_wrong(&report, &output);
        assert!(output.text().contains("the old seal key is dropped"), "{}", output.text());
        assert_eq!(report.excused, 0, "{}", output.text());
    });
}

#[test]
fn the_trials_know_every_fail_point() {
    assert_eq!(POINTS, failpoint::POINTS);
}
