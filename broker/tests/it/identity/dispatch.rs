//! Which issuer a proof is for, and issuers that can never work.

use dsn_broker::config::{ApiKey, ApiKeyIssuer, Issuer, JwksSource};
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::identity::{IdentityError, generate_api_key};

use super::*;

#[tokio::test]
async fn api_keys_and_tokens_are_told_apart() {
    let fixture = Fixture::new().await;
    let new = generate_api_key(&SystemEntropy);
    let key = ApiKey { sha256: new.sha256, expires_at: None, claims: BTreeMap::new() };
    let keys = ApiKeyIssuer { keys: BTreeMap::from([("ci".to_owned(), key)]) };
    let both = [("idp", Issuer::Oidc(fixture.issuer())), ("keys", Issuer::ApiKey(keys))];
    let identity = fixture.identity_of(both).unwrap();

    let by_key = accepted(&identity, &new.key).await;
    assert_eq!((by_key.principal.issuer.as_str(), by_key.principal.subject.as_str()), ("keys", "ci"));
    assert_eq!(fixture.oidc.jwks_requests(), 0);
    let by_token = accepted(&identity, &fixture.token()).await;
    assert_eq!((by_token.principal.issuer.as_str(), by_token.principal.subject.as_str()), ("idp", "web"));

    for (proof, reason) in [
        (generate_api_key(&SystemEntropy).key, "unknown_api_key"),
        (Secret::new("dsnk_"), "mistyped_api_key"),
        (Secret::new(""), "malformed"),
        (Secret::new("hunter2"), "malformed"),
    ] {
        let error = identity.authenticate(&proof).await.unwrap_err();
        assert_eq!(error.refusal.as_str(), reason);
        assert!(proof.expose().len() < 6 || !format!("{error:?}").contains(proof.expose()));
    }
}

#[tokio::test]
async fn issuers_that_can_never_work_are_named() {
    let fixture = Fixture::new().await;
    let built = |issuer: OidcIssuer| fixture.identity_of([("idp", Issuer::Oidc(issuer))]).err();
    let url = |url: &str| OidcIssuer { jwks: JwksSource::Url(url.to_owned()), ..fixture.issuer() };
    let named = |url: &str| OidcIssuer { issuer: url.to_owned(), ..fixture.issuer() };

    let error = built(OidcIssuer { audiences: Vec::new(), ..fixture.issuer() });
    assert!(matches!(error, Some(IdentityError::NoAudience { .. })), "{error:?}");
    let error = built(OidcIssuer { algorithms: Vec::new(), ..fixture.issuer() });
    assert!(matches!(error, Some(IdentityError::NoAlgorithm { .. })), "{error:?}");
    let error = built(OidcIssuer { ca: Some("/nowhere/ca.pem".into()), ..fixture.issuer() });
    assert!(matches!(error, Some(IdentityError::Tls { .. })), "{error:?}");
    for text in ["", "keys", "idp.example/keys"] {
        let error = built(url(text));
        assert!(matches!(error, Some(IdentityError::NotAUrl { .. })), "{error:?}");
    }
    for text in [
        "http://idp.example",
        "http://localhost.example",
        "http://192.0.2.1",
        "ftp://localhost",
        "file:///jwks",
    ] {
        for issuer in [url(text), named(text)] {
            let error = built(issuer);
            assert!(matches!(error, Some(IdentityError::InsecureUrl { .. })), "{error:?}");
        }
    }
    let twice = [("a", Issuer::Oidc(fixture.issuer())), ("b", Issuer::Oidc(fixture.issuer()))];
    let error = fixture.identity_of(twice).err();
    assert!(matches!(error, Some(IdentityError::SameIssuer { .. })), "{error:?}");
}
