//! Which tokens are believed.

use std::time::Duration;

use devstack::Bad;
use dsn_broker::config::{Issuer, Span};
use dsn_broker::identity::Refusal;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn a_token_tells_who_calls() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let pod = json!({"namespace": "shop", "pod": {"name": "web-1", "uid": "u-1"}});
    let token = fixture.mint(&fixture.claims().with("kubernetes.io", pod).with("groups", json!(["a", "b"])));
    let workload = accepted(&identity, &token).await;
    assert_eq!(workload.principal.issuer.as_str(), "idp");
    assert_eq!(workload.principal.subject, "web");
    assert_eq!(workload.instance.as_deref(), Some("u-1"));
    assert_eq!(workload.claims.at(["kubernetes.io", "namespace"]), Some(&Value::from("shop")));
    assert_eq!(workload.claims.at(["groups"]), Some(&json!(["a", "b"])));
}

#[tokio::test]
async fn an_algorithm_is_accepted_when_it_is_listed_and_only_then() {
    let fixture = Fixture::new().await;
    for (theirs, ours) in ALGORITHMS {
        let others = ALGORITHMS.map(|(_, each)| each).into_iter().filter(|each| *each != ours).collect();
        let token = fixture.mint(&fixture.claims().algorithm(theirs));

        let listed = fixture.identity(OidcIssuer { algorithms: vec![ours], ..fixture.issuer() });
        accepted(&listed, &token).await;

        let unlisted = fixture.identity(OidcIssuer { algorithms: others, ..fixture.issuer() });
        let algorithm = theirs.name().to_owned();
        assert_eq!(refused(&unlisted, &token).await, Refusal::WrongAlgorithm { algorithm });
    }
}

#[tokio::test]
async fn every_bad_token_is_refused_for_its_own_reason() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    for (algorithm, _) in ALGORITHMS {
        // The good one first: all that follows fails for what is bad about it.
        accepted(&identity, &fixture.mint(&fixture.claims().algorithm(algorithm))).await;
        for bad in Bad::ALL {
            let token = fixture.oidc.mint_bad(&fixture.claims().algorithm(algorithm), bad).unwrap();
            let Err(error) = identity.authenticate(&Secret::new(token.clone())).await else {
                panic!("{algorithm:?} {bad:?} is accepted");
            };
            let said = format!("{error} {error:?}");
            assert_eq!(error.refusal.as_str(), reason(bad), "{algorithm:?} {bad:?}: {said}");
            assert!(!error.is_our_fault(), "{bad:?}");
            let last = token.rsplit('.').next().filter(|part| part.len() > 8);
            assert!(last.is_none_or(|part| !said.contains(part)), "{bad:?} is quoted: {said}");
        }
    }
    assert_eq!(fixture.oidc.attacker_requests(), 0);
}

pub(super) fn reason(bad: Bad) -> &'static str {
    match bad {
        Bad::AlgNone | Bad::AlgNoneMixedCase => "wrong_algorithm",
        Bad::HmacWithPublicPem | Bad::HmacWithPublicJwk => "wrong_algorithm",
        Bad::AlgorithmOfOtherKey => "unsuitable_key",
        Bad::WrongAudience | Bad::NoAudience => "wrong_audience",
        Bad::WrongIssuer => "no_such_issuer",
        Bad::NoIssuer | Bad::NoSubject | Bad::NoExpiry => "malformed",
        Bad::Expired => "expired",
        Bad::NotYetValid => "not_yet_valid",
        Bad::IssuedInFuture => "issued_in_future",
        Bad::UnknownKid | Bad::Jku => "unknown_key",
        Bad::NoKid => "no_key_named",
        Bad::Crit => "critical_header",
        // The header's extra keys are not looked at; the signature is not by the published key, or the header changed.
        Bad::EmbeddedJwk | Bad::X5u | Bad::ForeignKeyKnownKid => "bad_signature",
        Bad::TruncatedSignature | Bad::FlippedSignature | Bad::EmptySignature => "bad_signature",
        Bad::DuplicateClaims | Bad::NotAJwt | Bad::FiveParts => "malformed",
        Bad::Oversized | Bad::NestedGarbage => "too_large",
    }
}

#[tokio::test]
async fn an_error_names_the_issuer_and_only_a_verified_subject() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    for (bad, issuer, subject) in [
        (Bad::WrongIssuer, None, None),
        (Bad::FlippedSignature, Some("idp"), None),
        (Bad::NoSubject, Some("idp"), None),
        (Bad::Expired, Some("idp"), Some("web")),
        (Bad::WrongAudience, Some("idp"), Some("web")),
    ] {
        let token = Secret::new(fixture.oidc.mint_bad(&fixture.claims(), bad).unwrap());
        let error = identity.authenticate(&token).await.unwrap_err();
        let named = error.issuer.as_ref().map(IssuerName::as_str);
        assert_eq!((named, error.subject.as_deref()), (issuer, subject), "{bad:?}");
    }
}

#[tokio::test]
async fn issuers_are_told_apart_by_the_exact_iss() {
    let fixture = Fixture::new().await;
    let plain = OidcIssuer { issuer: fixture.oidc.http_issuer().to_owned(), ..fixture.issuer() };
    let both = [("tls", Issuer::Oidc(fixture.issuer())), ("plain", Issuer::Oidc(plain))];
    let identity = fixture.identity_of(both).unwrap();
    assert_eq!(accepted(&identity, &fixture.token()).await.principal.issuer.as_str(), "tls");
    let token = fixture.mint(&fixture.claims().issuer(fixture.oidc.http_issuer()));
    assert_eq!(accepted(&identity, &token).await.principal.issuer.as_str(), "plain");
    let almost = format!("{}/", fixture.oidc.issuer());
    let refusal = refused(&identity, &fixture.mint(&fixture.claims().issuer(&almost))).await;
    assert_eq!(refusal, Refusal::NoSuchIssuer { claimed: almost });
}

#[tokio::test]
async fn a_token_is_refused_once_it_has_expired_even_if_it_was_accepted_before() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let token = fixture.mint(&fixture.claims().lifetime(Duration::from_secs(300)));
    accepted(&identity, &token).await;
    fixture.clock.advance(Duration::from_secs(300) + LEEWAY - Duration::from_micros(1));
    accepted(&identity, &token).await;
    fixture.clock.advance(Duration::from_micros(1));
    let at = DateTime::from_timestamp(i64::try_from(START).unwrap() + 300, 0).unwrap();
    assert_eq!(refused(&identity, &token).await, Refusal::Expired { at });
}

#[tokio::test]
async fn a_token_that_lives_too_long_is_refused() {
    let fixture = Fixture::new().await;
    let max = Duration::from_secs(300);
    let identity = fixture.identity(OidcIssuer { max_token_life: Some(Span(max)), ..fixture.issuer() });
    accepted(&identity, &fixture.mint(&fixture.claims().lifetime(max))).await;
    let life = Duration::from_secs(301);
    let refusal = refused(&identity, &fixture.mint(&fixture.claims().lifetime(life))).await;
    assert_eq!(refusal, Refusal::LivesTooLong { life, max });
}

#[tokio::test]
async fn a_verified_token_is_remembered_while_its_key_is_fresh() {
    let fixture = Fixture::new().await;
    let identity = fixture.identity(fixture.issuer());
    let token = fixture.mint(&fixture.claims().lifetime(Duration::from_secs(7_200)));
    let first = accepted(&identity, &token).await;
    fixture.clock.advance(REFRESH_EVERY - Duration::from_micros(1));
    assert!(Arc::ptr_eq(&first, &accepted(&identity, &token).await), "it was verified again");
    fixture.clock.advance(Duration::from_micros(1));
    assert!(!Arc::ptr_eq(&first, &accepted(&identity, &token).await), "it was not verified again");
}
