//! The process dies at each step; what it leaves behind is put right by the next one.

use std::os::unix::process::ExitStatusExt as _;

use dsn_broker::broker::failpoint::PAIR_POINT;
use reqwest::Method;

use super::scene::{LATER, ahead, configured, users};
use super::*;
use crate::cli::program::program;
use crate::conformance::kind::points;
use crate::stand::{Process, Settings, Stand};

pub async fn at_each_step_of_its_making<S: Subject>(kind: CredentialKind) {
    at_each::<S>(kind, points(kind).filter(|point| !point.starts_with("end."))).await;
}

pub async fn at_each_step_of_its_end<S: Subject>(kind: CredentialKind) {
    at_each::<S>(kind, points(kind).filter(|point| point.starts_with("end."))).await;
}

async fn at_each<S: Subject>(kind: CredentialKind, points: impl Iterator<Item = &'static str>) {
    let mut subject = S::start().await;
    for point in points {
        step(point);
        subject = recovers_from(subject, kind, point).await;
    }
    subject.end().await;
}

/// Lets the program die at `point`.
async fn die_at(kind: CredentialKind, point: &str, settings: Settings) -> Settings {
    if abilities(kind).rotates && (point.starts_with("mint.") || point == PAIR_POINT) {
        return die_alone(point, settings).await;
    }
    let process = Process::again(settings, &[("DSN_BROKER_FAIL", point)]).await;
    let proof = process.token("app-one");
    let first = process.call(Method::GET, &process.dsn(scene::ROLE), &proof).await;
    assert_eq!(first.is_ok(), point.starts_with("end."), "{point}: {first:?}");
    if let Ok(answer) = first {
        let answer = answer.ok();
        let lease = text(&answer, "lease_id");
        if point == "end.disabled" {
            // Its time is over; the next one that is made wakes the reaper.
            let over = format!("update leases set due_at = now() - interval '1s' where id = '{lease}'");
            process.settings.tamper(&over).await;
            let _ = process.call(Method::GET, &process.dsn("orders-request"), &proof).await;
        } else {
            // The reaper may be faster: then the caller hears that the lease is ending, and the program dies all the same.
            let proof = if abilities(kind).is_own { proof } else { process.token("operator") };
            let _ = process.call(Method::DELETE, &format!("/v1/leases/{lease}"), &proof).await;
        }
    }
    let (status, settings, log) = process.ended().await;
    assert_eq!(status.signal(), Some(6), "it aborted: {log:#?}");
    settings
}

/// It rotates without being asked, perhaps before it listens.
async fn die_alone(point: &str, settings: Settings) -> Settings {
    settings.write();
    let mut serve = program(&["serve"]);
    serve.env("DSN_BROKER_CONFIG", settings.file()).env("DSN_BROKER_FAIL", point);
    let ended = tokio::time::timeout(PATIENCE, serve.output()).await.expect("it goes on").unwrap();
    assert_eq!(ended.status.signal(), Some(6), "it aborted: {ended:?}");
    settings
}

async fn recovers_from<S: Subject>(subject: S, kind: CredentialKind, point: &str) -> S {
    let settings = configured(&subject, kind, |config| {
        config["roles"][scene::ROLE].as_object_mut().unwrap().shift_remove("drain");
    })
    .await;
    settings.migrate().await;
    let settings = die_at(kind, point, settings).await;
    let is_there =
        abilities(kind).has_user && !matches!(point, "mint.start" | "mint.pending" | "end.removed");
    let leases = settings.ask_ledger("select id, state, handle, claim, last_error from leases").await;
    assert_eq!(users(&subject, &settings).await.len(), usize::from(is_there), "{point}: {leases}");
    let delivered = "select count(*) from audit_events where action = 'lease.delivered' and role = 'subject'";
    let is_delivered = point.starts_with("end.") || point == "delivery.recorded";
    let told = settings.ask_ledger(delivered).await;
    assert_eq!(told, usize::from(is_delivered).to_string(), "{point}: nothing leaves without a record");

    let clock = ahead(LATER);
    subject.pass(LATER, dsn_broker::time::Clock::now(&clock)).await;
    let scene = Scene { subject, stand: Stand::at(settings, clock).await, kind };
    scene.until_settled().await;
    // What was made is used, or undone: it is not made again.
    let is_kept = matches!(point, "mint.cached" | "delivery.recorded")
        || (point == "mint.active" && abilities(kind).rotates);
    let answer = scene.dsn().await;
    works::<S>(&answer).await;
    let on_subject = "select count(*) from audit_events where action = 'lease.issued' and role = 'subject'";
    let issued = scene.stand.at_ledger(on_subject).await;
    let expected = match point {
        "mint.start" | "mint.pending" | "mint.created" | PAIR_POINT => 1,
        _ => 2 - usize::from(is_kept),
    };
    assert_eq!(issued, expected.to_string(), "{point}");
    let revoke = json!({ "role": scene::ROLE, "reason": "the end" });
    scene.stand.caller("operator").post("/v1/revocations", &revoke).await.ok();
    scene.until_settled().await;
    let settings = scene.stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0], "{point}");
    scene.subject
}

/// How long anything is waited for.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);
