//! What it asks is down: that costs its own callers, and nobody else.

use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::stand::Stand;

pub async fn others_are_served_and_it_heals_by_itself<S: Subject>(kind: CredentialKind) {
    let subject = S::start().await;
    let impatient = |config: &mut Value| config["databases"][S::DATABASE]["timeout"] = "2s".into();
    let settings = scene::configured(&subject, kind, impatient).await;
    // Before there is a broker, which may make one without being asked.
    subject.go_down();
    let scene = Scene { stand: Stand::on(settings).await, subject, kind };
    scene.pass(Duration::ZERO).await;
    let answer = scene.ask("app-one").await;
    if S::ASKS {
        assert_eq!(answer.problem(), "engine-unavailable", "{}", answer.text);
        assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (503, true));
        assert!(!answer.text.contains("localhost"), "{}", answer.text);
    } else {
        answer.ok();
    }
    let other = scene.stand.caller("app-one").dsn("orders-request").await;
    assert!(Session::open(text(&other, "dsn")).await.is_ok());
    scene.subject.come_back();
    scene
        .stand
        .until(|| async {
            // The circuit may be open.
            scene.pass(Duration::from_secs(31)).await;
            let answer = scene.ask("app-one").await;
            if answer.status == 200 { Ok(()) } else { Err(answer.text) }
        })
        .await;
    scene.until_settled().await;
    works::<S>(&scene.dsn().await).await;
    scene.end().await;
}
