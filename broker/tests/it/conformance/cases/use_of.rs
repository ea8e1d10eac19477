//! What a credential is good for, and for whom, and for how long.

use super::*;
use crate::stand::Stand;

pub async fn a_dsn_lets_in_and_into_no_more_than_its_role_may<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let answer = scene.dsn().await;
    assert_eq!(answer["credential"], kind.as_str());
    assert_eq!(answer["engine"], scene.stand.settings.config["databases"][S::DATABASE]["engine"]);
    let parameters = &answer["parameters"];
    assert!(
        parameters["sslmode"] == "verify-full" || parameters["ssl-mode"] == "VERIFY_IDENTITY",
        "{answer}"
    );
    let shown = scene.stand.caller("operator").get(&format!("/v1/databases/{}", S::DATABASE)).await.ok();
    assert_eq!(shown["roles"][scene::ROLE]["mistakes"], json!([]), "{shown}");
    let mut session = works::<S>(&answer).await;
    let denied = session.run(S::WORDS.may_not).await.unwrap_err();
    assert!(denied.starts_with(S::WORDS.denied), "{denied}");

    is_refused::<S>(Session::open_with(text(&answer, "dsn"), "another").await);
    // Whose certificate another authority has signed is not the server.
    let folder = tempfile::tempdir().unwrap();
    let ca = devstack::Ca::generate().unwrap().write_to(folder.path()).unwrap();
    let path = format!("/v1/dsn/{}?ca_file={}", scene::ROLE, ca.display());
    let foreign = scene.stand.caller("app-one").get(&path).await.ok();
    assert_eq!(foreign["lease_id"], answer["lease_id"]);
    let refusal = Session::open(text(&foreign, "dsn")).await.err().unwrap();
    assert!(refusal.contains("invalid peer certificate"), "{refusal}");
    scene.end().await;
}

pub async fn two_who_share_have_one_credential_that_was_made_once<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let (one, other) = tokio::join!(scene.dsn(), scene.dsn());
    let later = scene.dsn().await;
    for answer in [&other, &later] {
        assert_eq!(answer["lease_id"], one["lease_id"]);
        assert_eq!(answer["parameters"]["user"], one["parameters"]["user"]);
        assert_eq!(answer["parameters"]["password"], one["parameters"]["password"]);
    }
    assert_eq!(one["shared"], true);
    assert_eq!(scene.issued().await, 1);
    assert_eq!(scene.users().await.len(), usize::from(abilities(kind).has_user));
    works::<S>(&one).await;
    if abilities(kind).rotates {
        // Who has no cache finds it in the ledger, with the same way in.
        let mut alone = scene.stand.settings.replica();
        alone.config["cache"] = json!({ "local": {} });
        let alone = Stand::at(alone, scene.stand.clock.clone()).await;
        let caller = alone.caller("app-two");
        let found = caller.get(&scene.stand.caller("app-two").dsn_path(scene::ROLE)).await.ok();
        assert_eq!(found["dsn"], one["dsn"]);
        alone.stop().await;
    }
    scene.end().await;
}

pub async fn the_next_one_overlaps_with_the_one_before<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let first = scene.dsn().await;
    let mut session = works::<S>(&first).await;
    let second = scene.next(&first).await;
    if abilities(kind).rotates {
        let too_soon = scene.rotate().await;
        assert_eq!(too_soon.problem(), "engine-unavailable", "the first is still promised");
        let after: u64 = too_soon.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((800..=900).contains(&after), "{after}");
    }
    assert_ne!(second["parameters"]["password"], first["parameters"]["password"]);
    works::<S>(&first).await;
    works::<S>(&second).await;
    session.run(S::WORDS.may).await.unwrap();
    assert_eq!(scene.issued().await, 2);
    assert_eq!(scene.users().await.len(), if abilities(kind).has_user { 2 } else { 0 });
    scene.end().await;
}

pub async fn it_is_renewed_or_says_that_it_cannot_be<S: Subject>(kind: CredentialKind) {
    let scene = Scene::<S>::start(kind).await;
    let answer = scene.dsn().await;
    assert_eq!(answer["renewable"], abilities(kind).renews);
    scene.pass(std::time::Duration::from_secs(300)).await;
    let path = format!("/v1/leases/{}/renew", text(&answer, "lease_id"));
    let renewed = scene.stand.caller("app-one").post(&path, &json!({})).await;
    if abilities(kind).renews {
        assert!(time(&renewed.ok(), "expires_at") > time(&answer, "expires_at"));
        // Past its first end.
        scene.pass((time(&answer, "expires_at") - scene.stand.now()).to_std().unwrap()).await;
        scene.pass(std::time::Duration::from_secs(90)).await;
        assert_eq!(scene.state(&answer).await, "active");
    } else {
        let expected = if abilities(kind).is_own { "lease-not-renewable" } else { "lease-not-found" };
        assert_eq!(renewed.problem(), expected, "{}", renewed.text);
    }
    works::<S>(&answer).await;
    scene.end().await;
}
