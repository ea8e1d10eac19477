//! The end of a credential, whoever brings it about.

use std::time::Duration;

use super::*;

pub async fn revoked_it_ends_with_its_sessions<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let answer = scene.dsn().await;
    let mut session = works::<S>(&answer).await;
    assert_eq!(scene.revoke(&answer).await.ok()["state"], "revoked");
    if abilities(kind).revokes {
        assert!(session.run(S::WORDS.may).await.is_err(), "its session has ended");
        is_locked_out::<S>(text(&answer, "dsn")).await;
    } else {
        // It ends by itself, and is not handed out until then.
        works::<S>(&answer).await;
    }
    assert_eq!(scene.users().await, [""; 0]);
    let next = scene.dsn().await;
    assert_ne!(next["lease_id"], answer["lease_id"]);
    if !abilities(kind).is_own {
        // Also where nobody but the caller has asked for it.
        let path = format!("/v1/leases/{}", text(&next, "lease_id"));
        let refused = scene.stand.caller("app-one").delete(&path).await;
        assert_eq!(refused.problem(), "lease-not-found", "it is all the others', too");
    }
    works::<S>(&next).await;
    scene.end().await;
}

pub async fn expired_it_lets_in_nobody<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let answer = scene.dsn().await;
    let next = if abilities(kind).rotates { Some(scene.next(&answer).await) } else { None };
    let left = (time(&answer, "expires_at") - scene.stand.now()).to_std().unwrap();
    scene.pass(left.saturating_sub(Duration::from_secs(30))).await;
    works::<S>(&answer).await;
    scene.pass(Duration::from_secs(31)).await;
    scene.until_state(&answer, "revoked").await;
    is_locked_out::<S>(text(&answer, "dsn")).await;
    assert_eq!(scene.users().await, [""; 0]);
    if let Some(second) = next {
        // The other one goes on, and the turn is that of the first again.
        works::<S>(&second).await;
        works::<S>(&scene.next(&second).await).await;
        works::<S>(&second).await;
        is_locked_out::<S>(text(&answer, "dsn")).await;
    }
    scene.end().await;
}

pub async fn what_no_lease_accounts_for_is_swept_and_nothing_else<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::with(kind, |config| {
        config["databases"][S::DATABASE]["sweep"] = json!({ "mode": "remove", "every": "365d" });
    })
    .await;
    let answer = scene.dsn().await;
    let tag = scene.stand.at_ledger("select tag from installation").await;
    let (orphan, foreign) = (format!("dsn_{tag}_lost"), format!("dsn_x{}_lost", &tag[1..]));
    for name in [&orphan, &foreign] {
        scene.subject.make_user(name).await;
    }
    // The search that comes with the start may have been here already.
    let swept = scene.stand.sweep(S::DATABASE).await;
    let left = scene.subject.users(&orphan).await.contains(&orphan);
    let told = scene.stand.count("orphan.removed").await;
    assert_eq!((left, told > 0), (!S::SWEEPS, S::SWEEPS), "{swept:?}");
    assert_eq!(scene.subject.users(&foreign).await, [foreign.as_str()], "another installation's");
    works::<S>(&answer).await;
    scene.end().await;
}
