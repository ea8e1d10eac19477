//! What the issuer mints.

use std::collections::BTreeSet;
use std::time::Duration;

use devstack::{Algorithm, Bad, Ca, Claims, Oidc};
use serde_json::json;

use crate::oidc::jwks;
use crate::verifier::Verifier;

#[tokio::test]
async fn good_tokens_of_every_algorithm_are_accepted() {
    let oidc = Oidc::start(&Ca::generate().unwrap()).await.unwrap();
    let jwks = jwks(&oidc).await;
    let verifier = Verifier { jwks: &jwks, issuer: oidc.issuer(), now: NOW };
    for algorithm in Algorithm::ALL {
        let claims = claims(algorithm).with("groups", json!(["a", "b"]));
        let verified = verifier.verify(&oidc.mint(&claims).unwrap()).unwrap();
        assert_eq!((&verified["sub"], &verified["groups"]), (&json!("someone"), &json!(["a", "b"])));
        assert_eq!(verified["exp"], NOW + 120);
    }
}

#[tokio::test]
async fn bad_tokens_of_every_kind_and_algorithm_are_refused() {
    let oidc = Oidc::start(&Ca::generate().unwrap()).await.unwrap();
    let jwks = jwks(&oidc).await;
    let verifier = Verifier { jwks: &jwks, issuer: oidc.issuer(), now: NOW };
    for (bad, algorithm) in Bad::ALL.into_iter().flat_map(|bad| Algorithm::ALL.map(|alg| (bad, alg))) {
        let token = oidc.mint_bad(&claims(algorithm), bad).unwrap();
        let refusal = verifier.verify(&token).expect_err(&format!("{bad:?} {algorithm:?}"));
        let expected = reason(bad);
        assert!(refusal.contains(expected), "{bad:?} {algorithm:?}: {refusal}, not {expected}");
    }
}

#[test]
fn the_list_of_bad_kinds_has_no_kind_twice() {
    let names: BTreeSet<String> = Bad::ALL.iter().map(|bad| format!("{bad:?}")).collect();
    assert_eq!(names.len(), Bad::ALL.len());
}

/// Why a verifier refuses it. Without a catch-all, so that a new kind needs a line here.
fn reason(bad: Bad) -> &'static str {
    match bad {
        Bad::AlgNone
        | Bad::AlgNoneMixedCase
        | Bad::HmacWithPublicPem
        | Bad::HmacWithPublicJwk
        | Bad::AlgorithmOfOtherKey => "algorithm",
        Bad::WrongAudience => "audience",
        Bad::NoAudience => "missing field `aud`",
        Bad::WrongIssuer => "issuer",
        Bad::NoIssuer => "missing field `iss`",
        Bad::NoSubject => "missing field `sub`",
        Bad::Expired => "expired",
        Bad::NoExpiry => "missing field `exp`",
        Bad::NotYetValid => "not yet valid",
        Bad::IssuedInFuture => "minted in the future",
        Bad::UnknownKid | Bad::Jku => "unknown kid",
        Bad::NoKid => "missing field `kid`",
        Bad::Crit => "unknown field",
        Bad::EmbeddedJwk
        | Bad::X5u
        | Bad::TruncatedSignature
        | Bad::FlippedSignature
        | Bad::EmptySignature
        | Bad::ForeignKeyKnownKid => "signature",
        Bad::DuplicateClaims => "duplicate field `sub`",
        Bad::Oversized => "too large",
        Bad::NotAJwt | Bad::FiveParts => "not three parts",
        Bad::NestedGarbage => "",
    }
}

fn claims(algorithm: Algorithm) -> Claims {
    Claims::of("someone").algorithm(algorithm).now(NOW).lifetime(Duration::from_secs(120))
}

const NOW: u64 = 2_000_000_000;
