//! How the issuer's keys are had, and for how long.

use std::time::Duration;

use devstack::Health;
use dsn_broker::identity::KeySourceError;
use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn keys_are_fetched_with_the_first_token_once_for_all() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    assert_eq!((fixture.oidc.discovery_requests(), fixture.oidc.jwks_requests()), (0, 0));
    let tokens: Vec<_> = (0..50).map(|_| fixture.token()).collect();
    join_all(tokens.iter().map(|token| accepted(&identity, token))).await;
    assert_eq!((fixture.oidc.discovery_requests(), fixture.oidc.jwks_requests()), (1, 1));
}

#[tokio::test]
async fn new_keys_are_found_when_a_token_names_them_but_not_within_the_cool_down() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let old = fixture.token();
    accepted(&identity, &old).await;

    fixture.oidc.rotate().await.unwrap();
    let new: Vec<_> = (0..20).map(|_| fixture.token()).collect();
    fixture.clock.advance(COOL_DOWN - Duration::from_micros(1));
    for token in &new {
        assert_eq!(refused(&identity, token).await.as_str(), "unknown_key");
    }
    assert_eq!(fixture.oidc.jwks_requests(), 1);

    fixture.clock.advance(Duration::from_micros(1));
    join_all(new.iter().map(|token| accepted(&identity, token))).await;
    assert_eq!(fixture.oidc.jwks_requests(), 2, "twenty callers, one fetch");
    accepted(&identity, &old).await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_undo_the_fetch() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    fixture.oidc.set_health(Health::Hanging);
    let gone = tokio::time::timeout(Duration::ZERO, identity.authenticate(&fixture.token())).await;
    assert!(gone.is_err(), "the issuer hangs");
    fixture.oidc.set_health(Health::Up);
    eventually(async || fixture.oidc.jwks_requests() == 1).await;
    accepted(&identity, &fixture.token()).await;
    assert_eq!(fixture.oidc.jwks_requests(), 1);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch_per_cool_down() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    accepted(&identity, &fixture.token()).await;
    for round in 2..5 {
        fixture.clock.advance(COOL_DOWN);
        for _ in 0..20 {
            let token = fixture.oidc.mint_bad(&fixture.claims(), devstack::Bad::UnknownKid).unwrap();
            assert_eq!(refused(&identity, &Secret::new(token)).await.as_str(), "unknown_key");
        }
        assert_eq!(fixture.oidc.jwks_requests(), round);
    }
}

#[tokio::test]
async fn old_keys_are_used_meanwhile_and_withdrawn_ones_end() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let token = fixture.mint(&fixture.claims().lifetime(Duration::from_secs(7_200)));
    accepted(&identity, &token).await;
    fixture.oidc.rotate().await.unwrap();
    fixture.oidc.withdraw_old_keys();

    fixture.clock.advance(REFRESH_EVERY - Duration::from_micros(1));
    accepted(&identity, &token).await;
    assert_eq!(fixture.oidc.jwks_requests(), 1);

    // The first use of a stale key goes through and causes a fetch; nobody waits for it.
    fixture.clock.advance(Duration::from_micros(1));
    accepted(&identity, &token).await;
    eventually(async || identity.authenticate(&token).await.is_err()).await;
    assert_eq!(refused(&identity, &token).await.as_str(), "unknown_key");
    assert_eq!(fixture.oidc.jwks_requests(), 2);
}

#[tokio::test]
async fn known_keys_go_on_being_used_while_their_source_is_down() {
    for health in [Health::Unavailable, Health::Garbage, Health::Hanging] {
        let fixture = Fixture::new().await;
        let identity = fixture.identity(fixture.issuer());
        accepted(&identity, &fixture.token()).await;
        fixture.oidc.set_health(health);
        for _ in 0..3 {
            fixture.clock.advance(REFRESH_EVERY);
            let token = fixture.token();
            let at_once = tokio::time::timeout(Duration::from_secs(2), accepted(&identity, &token));
            at_once.await.unwrap_or_else(|_| panic!("a known key waits while its source is {health:?}"));
        }
    }
}

#[tokio::test]
async fn without_any_keys_it_is_our_fault_until_the_source_is_back() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    fixture.oidc.set_health(Health::Unavailable);
    let error = identity.authenticate(&fixture.token()).await.unwrap_err();
    assert_eq!(error.refusal, Refusal::KeySourceDown);
    assert!(error.is_our_fault());

    fixture.oidc.set_health(Health::Up);
    assert_eq!(refused(&identity, &fixture.token()).await, Refusal::KeySourceDown, "not again at once");
    fixture.clock.advance(Duration::from_secs(1));
    accepted(&identity, &fixture.token()).await;
}

#[tokio::test]
async fn keys_can_be_loaded_ahead_and_what_cannot_be_reached_is_said() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let idp: IssuerName = "idp".parse().unwrap();
    assert!(matches!(identity.load_keys().await.get(&idp), Some(Ok(4))));
    accepted(&identity, &fixture.token()).await;
    assert_eq!(fixture.oidc.jwks_requests(), 1);
    fixture.oidc.set_health(Health::Unavailable);
    let loaded = identity.load_keys().await;
    assert!(matches!(loaded.get(&idp), Some(Err(KeySourceError::Refused { status: 503, .. }))), "{loaded:?}");
    accepted(&identity, &fixture.token()).await;
}

#[tokio::test]
async fn a_key_server_that_another_ca_signed_is_not_believed() {
    let fixture = Fixture::new().await;
    let other = tempfile::tempdir().unwrap();
    let ca = Ca::generate().unwrap().write_to(other.path()).unwrap();
    for ca in [Some(ca), None] {
        let identity = fixture.identity(OidcIssuer { ca, ..fixture.issuer() });
        assert_eq!(refused(&identity, &fixture.token()).await, Refusal::KeySourceDown);
        let loaded = identity.load_keys().await;
        let loaded = loaded.values().next();
        assert!(matches!(loaded, Some(Err(KeySourceError::Unreachable { .. }))), "{loaded:?}");
    }
}
