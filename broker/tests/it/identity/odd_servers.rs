//! Key servers that are not what they should be, and keys in files.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use dsn_broker::config::{Issuer, JwksSource};
use dsn_broker::identity::{IdentityError, KeySourceError};
use serde_json::json;

use super::*;

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Serves these routes on a loopback port until the test ends.
async fn serve(routes: impl FnOnce(&str) -> Router) -> String {
    let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = routes(&url);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// What is said about the keys of this issuer.
async fn mistake(fixture: &Fixture, issuer: &str, jwks: JwksSource) -> KeySourceError {
    let identity = fixture.identity(OidcIssuer { issuer: issuer.to_owned(), jwks, ..fixture.issuer() });
    let mut loaded = identity.load_keys().await;
    loaded.pop_first().unwrap().1.unwrap_err()
}

fn discovery(issuer: &str, jwks_uri: &str) -> Router {
    let document = json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
    Router::new().route(DISCOVERY, get(|| async { document }))
}

#[tokio::test]
async fn a_discovery_document_must_be_the_issuers_own() {
    let fixture = Fixture::new().await;
    let url = serve(|url| discovery(&format!("{url}/"), &format!("{url}/jwks"))).await;
    let error = mistake(&fixture, &url, JwksSource::Discovery).await;
    assert!(
        matches!(&error, KeySourceError::OtherIssuer { said, .. } if *said == format!("{url}/")),
        "{error:?}"
    );

    let url = serve(|_| Router::new().route(DISCOVERY, get(|| async { "{}" }))).await;
    let error = mistake(&fixture, &url, JwksSource::Discovery).await;
    assert!(matches!(error, KeySourceError::NotDiscovery { .. }), "{error:?}");
}

#[tokio::test]
async fn a_discovery_document_cannot_send_us_where_keys_can_be_changed() {
    let fixture = Fixture::new().await;
    for elsewhere in ["http://keys.example/jwks", "http://192.0.2.1/jwks", "file:///etc/passwd", "jwks", ""] {
        let url = serve(|url| discovery(url, elsewhere)).await;
        let error = mistake(&fixture, &url, JwksSource::Discovery).await;
        assert!(matches!(&error, KeySourceError::Insecure { keys, .. } if keys == elsewhere), "{error:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let fixture = Fixture::new().await;
    let target = format!("{}/jwks", fixture.oidc.http_issuer());
    let url =
        serve(|_| Router::new().route("/jwks", get(|| async move { Redirect::temporary(&target) }))).await;
    let error = mistake(&fixture, "https://idp.example", JwksSource::Url(format!("{url}/jwks"))).await;
    assert!(matches!(error, KeySourceError::Refused { status: 307, .. }), "{error:?}");
    assert_eq!(fixture.oidc.jwks_requests(), 0);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let fixture = Fixture::new().await;
    let large = " ".repeat(256 * 1024) + "{\"keys\":[]}";
    let url = serve(|_| Router::new().route("/jwks", get(|| async { large }))).await;
    let error = mistake(&fixture, "https://idp.example", JwksSource::Url(format!("{url}/jwks"))).await;
    assert!(matches!(error, KeySourceError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn keys_at_a_url_of_their_own_need_no_discovery() {
    let fixture = Fixture::new().await;
    let jwks = JwksSource::Url(format!("{}/jwks", fixture.oidc.issuer()));
    let identity = fixture.identity(OidcIssuer { issuer: "urn:idp".to_owned(), jwks, ..fixture.issuer() });
    accepted(&identity, &fixture.mint(&fixture.claims().issuer("urn:idp"))).await;
    assert_eq!((fixture.oidc.discovery_requests(), fixture.oidc.jwks_requests()), (0, 1));
}

#[tokio::test]
async fn keys_in_a_file_are_read_at_once_and_again_when_they_are_stale() {
    let fixture = Fixture::new().await;
    let (folder, client) = (tempfile::tempdir().unwrap(), reqwest::Client::new());
    let path = folder.path().join("jwks.json");
    let published = format!("{}/jwks", fixture.oidc.http_issuer());
    let write = async || {
        let text = client.get(&published).send().await.unwrap().text().await.unwrap();
        std::fs::write(&path, text).unwrap();
    };
    let issuer = || OidcIssuer { jwks: JwksSource::File(path.clone()), ..fixture.issuer() };
    let missing = fixture.identity_of([("idp", Issuer::Oidc(issuer()))]).err();
    assert!(
        matches!(missing, Some(IdentityError::Keys { source: KeySourceError::Unreadable { .. }, .. })),
        "{missing:?}"
    );

    write().await;
    let identity = fixture.identity(issuer());
    std::fs::write(&path, "not there any more").unwrap();
    accepted(&identity, &fixture.token()).await;

    fixture.oidc.rotate().await.unwrap();
    write().await;
    let new = fixture.token();
    assert_eq!(refused(&identity, &new).await.as_str(), "unknown_key");
    fixture.clock.advance(COOL_DOWN);
    accepted(&identity, &new).await;
}
