//! What the provider's API may do to us.

use std::time::Duration;

use axum::http::{StatusCode, header};
use devstack::{Answer as ApiAnswer, Fault};
use serde_json::Value;

use super::scene::{LATER, configured};
use super::*;
use crate::stand::{Settings, Stand};

/// What goes wrong with a call, and what comes of it.
struct Mishap {
    name: &'static str,
    fault: Fault,
    /// What the caller is told who asked for a credential: status, kind of problem, `Retry-After`.
    told: (u16, &'static str, Option<u64>),
    /// Where the caller gets one all the same.
    passes: Passes,
}

enum Passes {
    Never,
    /// If it is asked once more.
    Repeated,
    /// … or if it is seen that it was done.
    Done,
}

/// What nobody must see: it looks like a provider's secret.
const SECRET: &str = "pscale_pw_that_nobody_sees";

fn mishaps() -> Vec<Mishap> {
    let json = |status| ApiAnswer::json(status, &json!({ "code": "no", "message": format!("no {SECRET}") }));
    let busy = |after| (503, "engine-unavailable", Some(after));
    let lost = (503, "engine-unavailable", Some(2));
    let refused = (502, "engine-refused", None);
    let page = ApiAnswer::html(StatusCode::INTERNAL_SERVER_ERROR, &format!("<h1>{SECRET}</h1>"));
    let too_many = json(StatusCode::TOO_MANY_REQUESTS);
    let mishap = |name, fault, told, passes| Mishap { name, fault, told, passes };
    vec![
        mishap("a permission is missing", Fault::answer(json(StatusCode::NOT_FOUND)), refused, Passes::Never),
        mishap("it will not", Fault::answer(json(StatusCode::UNPROCESSABLE_ENTITY)), refused, Passes::Never),
        mishap("locked", Fault::answer(json(StatusCode::LOCKED)), busy(1), Passes::Repeated),
        mishap("too many", Fault::answer(too_many.clone()), busy(10), Passes::Never),
        mishap(
            "too many, until",
            Fault::answer(too_many.header(header::RETRY_AFTER, 7_u64)),
            busy(7),
            Passes::Never,
        ),
        mishap("a page, and it is done", Fault::answer(page).after_handling(), lost, Passes::Done),
        mishap("no answer, and it is done", Fault::drop().after_handling(), lost, Passes::Done),
    ]
}

/// A configuration in which a pause of seven seconds is longer than anybody waits.
async fn impatient<S: Subject>(subject: &S, kind: CredentialKind) -> Settings {
    configured(subject, kind, |config| config["databases"][S::DATABASE]["timeout"] = "5s".into()).await
}

/// The same later: a broker that nobody has asked to wait.
async fn later<S: Subject>(scene: Scene<S>) -> Scene<S> {
    let Scene { subject, stand, kind } = scene;
    subject.calls(kind).api.behave();
    let clock = stand.clock.clone();
    let settings = stand.stop().await;
    clock.advance(LATER);
    subject.pass(LATER, dsn_broker::time::Clock::now(&clock)).await;
    Scene { subject, stand: Stand::at(settings, clock).await, kind }
}

fn assert_nothing_is_shown(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains("<h1>"), "{text}");
}

pub async fn what_goes_wrong_while_it_is_made_leaves_nothing<S: Subject>(kind: CredentialKind) {
    let mut subject = S::start().await;
    for Mishap { name, fault, told, passes } in mishaps() {
        step(name);
        let settings = impatient(&subject, kind).await;
        let calls = subject.calls(kind);
        let asked_before = calls.made();
        let passes = match passes {
            Passes::Never => false,
            Passes::Repeated => calls.repeats,
            Passes::Done => calls.repeats || calls.shows,
        };
        // Once is enough where it passes; elsewhere it is not to matter who else asks.
        calls.api.misbehave(calls.make.0, &calls.make.1, if passes { 1 } else { usize::MAX }, fault);
        let scene = Scene { stand: Stand::on(settings).await, subject, kind };
        let answer = scene.ask("app-one").await;
        let calls = scene.subject.calls(kind);
        if passes {
            works::<S>(&answer.ok()).await;
        } else {
            assert_eq!((answer.status.as_u16(), &*answer.problem()), (told.0, told.1), "{name}");
            // Where others ask, too, as the broker does that rotates without being asked, some of it may have gone by.
            let others_ask = calls.repeats || abilities(kind).rotates;
            let after =
                answer.headers.get("retry-after").map(|after| after.to_str().unwrap().parse().unwrap());
            let is_later = others_ask && after.is_some() && after < told.2;
            assert!(is_later || after == told.2, "{name}: {after:?}");
            assert!(
                others_ask || calls.made() == asked_before + 1,
                "{name}: it is not asked twice for one lease"
            );
        }
        assert_nothing_is_shown(&answer.text);
        let scene = later(scene).await;
        scene.until_settled().await;
        let next = scene.ask("app-two").await.ok();
        works::<S>(&next).await;
        let leases = scene.stand.at_ledger("select string_agg(last_error, ' ') from leases").await;
        assert_nothing_is_shown(&leases);
        subject = stopped(scene).await;
    }
    assert_nothing_is_shown(&crate::stand::log::text());
    subject.end().await;
}

async fn stopped<S: Subject>(scene: Scene<S>) -> S {
    let settings = scene.stand.stop().await;
    assert_eq!(settings.flaws().await, [""; 0]);
    scene.subject
}

pub async fn what_goes_wrong_while_it_ends_is_made_good<S: Subject>(kind: CredentialKind) {
    let mut subject = S::start().await;
    for Mishap { name, fault, passes, .. } in mishaps() {
        let Some((method, path)) = subject.calls(kind).end else { break };
        step(name);
        let settings = impatient(&subject, kind).await;
        let scene = Scene { stand: Stand::on(settings).await, subject, kind };
        let answer = scene.dsn().await;
        scene.subject.calls(kind).api.misbehave(method, &path, usize::MAX, fault);
        let revoked = scene.revoke(&answer).await.ok();
        // Where the reaper was at it before, this is the second attempt, which may see that it is done.
        let is_seen = matches!(passes, Passes::Done) && revoked["state"] == "revoked";
        if !is_seen {
            assert_eq!(revoked["state"], "draining", "{name}");
            is_stuck(&scene, &answer, name).await;
        }
        let scene = later(scene).await;
        scene.until_settled().await;
        assert_eq!(scene.state(&answer).await, "revoked", "{name}");
        is_locked_out::<S>(text(&answer, "dsn")).await;
        subject = stopped(scene).await;
    }
    assert_nothing_is_shown(&crate::stand::log::text());
    subject.end().await;
}

/// The operator is shown that it could not be ended so far.
async fn is_stuck<S: Subject>(scene: &Scene<S>, answer: &Value, name: &str) {
    // Somebody may be at it still. The ledger is asked: a look at the database costs requests to the API.
    let why = format!("select last_error from leases where id = '{}'", text(answer, "lease_id"));
    scene
        .stand
        .until(|| async {
            let why = scene.stand.at_ledger(&why).await;
            if why.is_empty() { Err(format!("{name}: nothing went wrong")) } else { Ok(()) }
        })
        .await;
    let shown = scene.stand.caller("operator").get(&format!("/v1/databases/{}", S::DATABASE)).await;
    assert_eq!(shown.ok()["stuck_revocations"][0]["lease_id"], answer["lease_id"], "{name}");
    assert_nothing_is_shown(&shown.text);
}

pub async fn what_is_slow_is_waited_for<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let calls = scene.subject.calls(kind);
    calls.api.misbehave(calls.make.0, &calls.make.1, 1, Fault::delay(Duration::from_millis(300)));
    scene.subject.dawdle();
    works::<S>(&scene.dsn().await).await;
    assert_eq!(scene.issued().await, 1);
    scene.end().await;
}
