//! Kubernetes as clients of a cluster see it.

use devstack::{Ca, Kubernetes};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::program;

#[tokio::test]
async fn it_makes_what_it_knows_and_refuses_a_field_that_it_does_not() {
    let Some(kubernetes) = shared("strict validation").await else { return };
    kubernetes.create_namespace("strict").await.unwrap();
    let metadata = json!({ "namespace": "strict", "name": "settings" });
    let good =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "key": "value" } });
    let bad = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "dat": {} });
    let error = kubernetes.check(&bad).await.unwrap_err().to_string();
    assert!(error.contains("unknown field \"dat\""), "{error}");
    let error = kubernetes.create(&bad).await.unwrap_err().to_string();
    assert!(error.contains("unknown field \"dat\""), "{error}");
    // A check leaves nothing behind.
    for _ in 0..2 {
        kubernetes.check(&good).await.unwrap();
    }
    assert_eq!(kubernetes.create(&good).await.unwrap()["data"]["key"], "value");
    let error = kubernetes.create(&good).await.unwrap_err().to_string();
    assert!(error.contains("already exists"), "{error}");
}

#[tokio::test]
async fn what_it_only_warns_of_is_an_error_of_a_check() {
    let Some(kubernetes) = shared("warnings").await else { return };
    kubernetes.create_namespace("warned").await.unwrap();
    let variable = |value: &str| json!({ "name": "TWICE", "value": value });
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "namespace": "warned", "name": "app" },
        "spec": { "containers": [{ "name": "app", "image": "app", "env": [variable("a"), variable("b")] }] },
    });
    let error = kubernetes.check(&pod).await.unwrap_err().to_string();
    assert!(error.contains("hides previous definition"), "{error}");
}

#[tokio::test]
async fn custom_resources_of_others_are_checked_like_its_own() {
    let Some(kubernetes) = shared("custom resources").await else { return };
    kubernetes.create_namespace("custom").await.unwrap();
    for definition in Kubernetes::definitions().unwrap() {
        kubernetes.define(&definition).await.unwrap();
    }
    let monitor = |endpoint: Value| {
        json!({
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "ServiceMonitor",
            "metadata": { "namespace": "custom", "name": "app" },
            "spec": { "selector": {}, "endpoints": [endpoint] },
        })
    };
    kubernetes.create(&monitor(json!({ "port": "admin" }))).await.unwrap();
    let error = kubernetes.check(&monitor(json!({ "ports": "admin" }))).await.unwrap_err().to_string();
    assert!(error.contains("unknown field \"spec.endpoints[0].ports\""), "{error}");
    let metadata = json!({ "namespace": "custom", "name": "app" });
    for (version, kind) in [
        ("monitoring.coreos.com/v1", "PrometheusRule"),
        ("cert-manager.io/v1", "Certificate"),
        ("cert-manager.io/v1", "Issuer"),
    ] {
        let object = json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": 1 });
        let error = kubernetes.check(&object).await.unwrap_err().to_string();
        assert!(error.contains("must be of type object"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_good_for_its_audience_and_while_its_pod_is_there() {
    let Some(kubernetes) = shared("tokens of pods").await else { return };
    kubernetes.create_namespace("tokens").await.unwrap();
    kubernetes.create_service_account("tokens", "app").await.unwrap();
    let uid = kubernetes.create_pod("tokens", "app-1", "app").await.unwrap();
    let token = kubernetes.mint("tokens", "app", "dsn-broker", Some("app-1")).await.unwrap();

    let review = kubernetes.review(&token, &["dsn-broker"]).await.unwrap();
    assert_eq!(review["authenticated"], true, "{review}");
    assert_eq!(review["user"]["username"], "system:serviceaccount:tokens:app");
    assert_eq!(review["user"]["extra"]["authentication.kubernetes.io/pod-uid"], json!([uid]));
    let is_good = async |token: &str, audience: &str| {
        kubernetes.review(token, &[audience]).await.unwrap()["authenticated"] == true
    };
    assert!(!is_good(&token, "another").await);

    // What it has found to be good, it remembers for ten seconds: this is for one that it has not seen.
    let unseen = kubernetes.mint("tokens", "app", "dsn-broker", Some("app-1")).await.unwrap();
    let of_no_pod = kubernetes.mint("tokens", "app", "dsn-broker", None).await.unwrap();
    kubernetes.delete_pod("tokens", "app-1").await.unwrap();
    assert!(!is_good(&unseen, "dsn-broker").await);
    assert!(is_good(&of_no_pod, "dsn-broker").await);
}

#[tokio::test]
async fn its_keys_are_for_those_who_have_a_token() {
    let Some(kubernetes) = shared("the keys of tokens").await else { return };
    kubernetes.create_namespace("keys").await.unwrap();
    let token = kubernetes.mint("keys", "default", kubernetes.issuer(), None).await.unwrap();
    let ca = kubernetes.ca_path().to_str().unwrap();
    let bearer = format!("Authorization: Bearer {token}");
    let keys =
        program::succeed("curl", &["-sS", "--cacert", ca, "-H", &bearer, &kubernetes.jwks_url()]).await;
    assert!(keys.contains(r#""alg":"RS256""#), "{keys}");
    let nobody = program::succeed("curl", &["-sS", "--cacert", ca, &kubernetes.jwks_url()]).await;
    assert!(nobody.contains("Unauthorized"), "{nobody}");
    // A workload may do nothing that nobody allowed.
    let secrets = format!("{}/api/v1/namespaces/keys/secrets", kubernetes.url());
    let refused = program::succeed("curl", &["-sS", "--cacert", ca, "-H", &bearer, &secrets]).await;
    assert!(refused.contains("cannot list resource"), "{refused}");
}

#[tokio::test]
async fn what_it_was_told_is_there_after_a_restart() {
    if !Kubernetes::is_installed_for("a restart of Kubernetes") {
        return;
    }
    let kubernetes = Kubernetes::start(&Ca::generate().unwrap()).await.unwrap();
    kubernetes.create_namespace("kept").await.unwrap();
    kubernetes.restart().await.unwrap();
    kubernetes.create_pod("kept", "app-1", "default").await.unwrap();
    kubernetes.end().await.unwrap();
}

/// One for all tests, which have a namespace each.
async fn shared(test: &str) -> Option<&'static Kubernetes> {
    static KUBERNETES: OnceCell<Kubernetes> = OnceCell::const_new();
    if !Kubernetes::is_installed_for(test) {
        return None;
    }
    Some(KUBERNETES.get_or_init(async || Kubernetes::start(&Ca::generate().unwrap()).await.unwrap()).await)
}
