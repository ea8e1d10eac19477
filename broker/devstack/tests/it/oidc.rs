//! The issuer over HTTP.

use devstack::{Ca, Claims, Health, Oidc};
use serde_json::{Value, json};

use crate::program;

#[tokio::test]
async fn discovery_leads_to_the_keys() {
    let (ca, folder) = authority();
    let oidc = Oidc::start(&ca).await.unwrap();
    let trust = folder.path().join("ca.pem");
    for issuer in [oidc.issuer(), oidc.http_issuer()] {
        let discovery =
            fetch(&format!("{issuer}/.well-known/openid-configuration"), trust.to_str().unwrap()).await;
        assert_eq!(discovery["issuer"], issuer);
        let keys = fetch(discovery["jwks_uri"].as_str().unwrap(), trust.to_str().unwrap()).await;
        assert_eq!(keys["keys"].as_array().unwrap().len(), 4);
    }
    assert_eq!((oidc.discovery_requests(), oidc.jwks_requests(), oidc.attacker_requests()), (2, 2, 0));
}

#[tokio::test]
async fn rotation_overlaps_until_the_old_keys_are_withdrawn() {
    let oidc = Oidc::start(&Ca::generate().unwrap()).await.unwrap();
    let before = kids(&jwks(&oidc).await);
    oidc.rotate().await.unwrap();
    let both = kids(&jwks(&oidc).await);
    assert!(before.iter().all(|kid| both.contains(kid)));
    oidc.withdraw_old_keys();
    let after = kids(&jwks(&oidc).await);
    assert_eq!(both, [before, after].concat());
}

#[tokio::test]
async fn scripts_mint_with_curl() {
    let oidc = Oidc::start(&Ca::generate().unwrap()).await.unwrap();
    let asked = json!({ "sub": "x", "alg": "EdDSA", "claims": { "groups": ["g"] }, "now": 1, "lifetime": 9 });
    let token = curl(&oidc, "mint", &["--data", &asked.to_string()]).await;
    let same_header = oidc.mint(&Claims::of("x").algorithm(devstack::Algorithm::EdDsa)).unwrap();
    assert_eq!(token.split('.').next(), same_header.split('.').next());
    let bad = curl(&oidc, "mint", &["--data", r#"{"sub":"x","bad":"not-a-jwt"}"#]).await;
    assert!(!bad.contains('.'));
    let refused = curl(&oidc, "mint", &["--data", r#"{"sub":"x","bad":"no-such-thing"}"#]).await;
    assert!(refused.contains("not-a-jwt"), "the kinds there are: {refused}");
}

#[tokio::test]
async fn the_issuer_can_be_unwell() {
    let oidc = Oidc::start(&Ca::generate().unwrap()).await.unwrap();
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    oidc.set_health(Health::Unavailable);
    assert_eq!(curl(&oidc, "jwks", &status).await, "503");
    oidc.set_health(Health::Garbage);
    assert!(curl(&oidc, "jwks", &[]).await.starts_with("<html>"));
    oidc.set_health(Health::Hanging);
    let url = format!("{}/jwks", oidc.http_issuer());
    assert!(program::fail("curl", &["-sS", "--max-time", "0.3", &url]).await.contains("timed out"));
    let waiting = tokio::spawn(async move { program::succeed("curl", &["-sS", &url]).await });
    oidc.set_health(Health::Up);
    assert!(waiting.await.unwrap().contains("keys"));
}

#[test]
fn the_issuer_outlives_the_runtime_that_started_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let oidc = runtime().block_on(Oidc::start(&Ca::generate().unwrap())).unwrap();
    assert_eq!(runtime().block_on(jwks(&oidc))["keys"].as_array().unwrap().len(), 4);
}

/// The published keys.
pub(crate) async fn jwks(oidc: &Oidc) -> Value {
    serde_json::from_str(&curl(oidc, "jwks", &[]).await).unwrap()
}

async fn curl(oidc: &Oidc, path: &str, further: &[&str]) -> String {
    let url = format!("{}/{path}", oidc.http_issuer());
    program::succeed("curl", &[&["-sS", &url], further].concat()).await
}

async fn fetch(url: &str, ca: &str) -> Value {
    serde_json::from_str(&program::succeed("curl", &["-sSf", "--cacert", ca, url]).await).unwrap()
}

fn authority() -> (Ca, tempfile::TempDir) {
    let (ca, folder) = (Ca::generate().unwrap(), tempfile::tempdir().unwrap());
    ca.write_to(folder.path()).unwrap();
    (ca, folder)
}

fn kids(jwks: &Value) -> Vec<String> {
    jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}
