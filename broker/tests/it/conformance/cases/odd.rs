//! Names and passwords that have to be quoted everywhere.

use super::*;

pub async fn names_and_passwords_with_quotes_are_what_they_are<S: Subject>(kind: CredentialKind) {
    let subject = S::start().await;
    let mut settings = scene::configured(&subject, kind, |_| {}).await;
    settings.config["roles"][scene::ROLE]["credential"] = subject.odd(kind, &settings).await;
    let scene = Scene { stand: crate::stand::Stand::on(settings).await, subject, kind };
    scene.pass(std::time::Duration::ZERO).await;
    let answer = scene.dsn().await;
    works::<S>(&answer).await;
    if abilities(kind).rotates {
        assert_eq!(answer["parameters"]["password"], crate::conformance::odd::PASSWORD, "it is adopted");
    }
    let revoked = scene.revoke(&answer).await.ok();
    let error = scene.stand.at_ledger("select last_error from leases").await;
    assert_eq!(revoked["state"], "revoked", "{error}");
    if abilities(kind).revokes {
        is_locked_out::<S>(text(&answer, "dsn")).await;
    }
    assert_eq!(scene.users().await, [""; 0]);
    scene.end().await;
}
