//! The injector's certificate: made, kept, renewed, and trusted by the cluster at every moment.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use devstack::Ca;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::injector::cluster::{Cluster, SECRET, WEBHOOK};
use crate::injector::webhook::{Webhook, client_of};
use crate::scene::run;

#[test]
fn api_servers_trust_the_injector_that_shows_it() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.succeeds(&[]).await;
        assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await);
        assert!(!is_reached(&cluster, "dsn-injector.other.svc").await, "it is for this service alone");
        let secret = cluster.object(SECRET);
        assert_eq!(secret["type"], "kubernetes.io/tls");
        let data = secret["data"].as_object().unwrap();
        assert_eq!(data.keys().collect::<Vec<_>>(), ["ca.crt", "tls.crt", "tls.key"]);
        assert_eq!(cluster.secret("tls.key").matches("PRIVATE KEY").count(), 2);
        assert_eq!(cluster.secret("ca.crt").matches("PRIVATE KEY").count(), 0, "the CA's key is forgotten");
        let webhook = cluster.object(WEBHOOK);
        assert_eq!(webhook["webhooks"][1]["clientConfig"].get("caBundle"), None, "it is another's");
        assert_eq!(webhook["metadata"]["labels"]["app"], "dsn");
    });
}

#[test]
fn a_good_one_is_left_alone_and_only_a_lost_ca_is_put_back() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.succeeds(&[]).await;
        let (secret, bundle) = (cluster.object(SECRET), cluster.bundle());
        cluster.writes();
        cluster.succeeds(&[]).await;
        assert_eq!(cluster.writes(), []);
        let mut webhook = cluster.object(WEBHOOK);
        webhook["webhooks"][0]["clientConfig"]["caBundle"] = Value::Null;
        cluster.put(WEBHOOK, webhook);
        cluster.succeeds(&[]).await;
        assert_eq!((cluster.object(SECRET), cluster.bundle()), (secret, bundle));
    });
}

#[test]
fn one_that_has_less_than_a_third_left_is_renewed_and_both_are_trusted_meanwhile() {
    run(async {
        let cluster = Cluster::start().await;
        cluster.succeeds(&["--days", "1"]).await;
        let (first, shown) = (cluster.bundle(), tokio::spawn(injector(&cluster)).await.unwrap());
        cluster.succeeds(&["--days", "2"]).await;
        assert_eq!(cluster.bundle(), first, "half is left");
        cluster.writes();
        cluster.succeeds(&["--days", "4"]).await;
        let paths: Vec<_> = cluster.writes().into_iter().map(|(_, path)| path).collect();
        assert_eq!(paths, [WEBHOOK, SECRET], "it is trusted before it can be shown");
        let second = cluster.bundle();
        assert_eq!(second, cluster.secret("ca.crt"));
        assert!(second.ends_with(&first) && second != first);
        assert!(
            reaches(&shown, &second, "dsn-injector.dsn.svc").await,
            "who still shows the old one is trusted"
        );
        assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await);
        cluster.succeeds(&["--days", "13"]).await;
        let third = cluster.bundle();
        assert!(!third.contains(&first), "the one before the last is not");
        assert_eq!(third.matches("BEGIN CERTIFICATE").count(), 2);
    });
}

#[test]
fn whatever_else_is_in_the_secret_makes_way() {
    run(async {
        let other = Ca::generate().unwrap().issue(&["dsn-injector.dsn.svc"]).unwrap();
        for (key, value) in [
            ("tls.key", other.key_pem.as_str()),
            ("tls.crt", &other.certificate_pem),
            ("ca.crt", "rubbish"),
            ("ca.crt", "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"),
            ("tls.crt", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
            ("tls.key", ""),
        ] {
            let cluster = Cluster::start().await;
            cluster.succeeds(&[]).await;
            let mut secret = cluster.object(SECRET);
            secret["data"][key] = STANDARD.encode(value).into();
            secret["metadata"]["labels"] = json!({ "kept": "by others" });
            cluster.put(SECRET, secret);
            cluster.succeeds(&[]).await;
            assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await, "{key}");
            assert!(!cluster.bundle().contains("aGVsbG8="), "API servers take no such bundle");
            assert_eq!(cluster.object(SECRET)["metadata"]["labels"]["kept"], "by others");
        }
        let cluster = Cluster::start().await;
        cluster.put(SECRET, json!({ "metadata": { "name": "dsn-injector" }, "type": "kubernetes.io/tls" }));
        cluster.succeeds(&[]).await;
        assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await);
    });
}

#[test]
fn many_at_once_come_to_one_certificate() {
    run(async {
        let cluster = Cluster::start().await;
        join_all((0..6).map(|_| cluster.succeeds(&[]))).await;
        assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await);
        assert_eq!(cluster.bundle(), cluster.secret("ca.crt"));
        let created = cluster.writes().into_iter().filter(|(_, path)| path == SECRET).count();
        assert_eq!(created, 1, "whoever was slower took what was there");
    });
}

#[test]
fn a_change_by_another_is_read_again_and_not_overwritten() {
    run(async {
        let cluster = Cluster::start().await;
        for times in [1, 2, 5] {
            cluster.overtake(times);
            cluster.succeeds(&["--days", &(times * 40).to_string()]).await;
            assert_eq!(cluster.bundle(), cluster.secret("ca.crt"));
        }
        assert!(is_reached(&cluster, "dsn-injector.dsn.svc").await);
        let mut webhook = cluster.object(WEBHOOK);
        webhook["webhooks"][0]["clientConfig"]["caBundle"] = Value::Null;
        cluster.put(WEBHOOK, webhook);
        cluster.overtake(u32::MAX);
        assert!(cluster.fails().await.contains("others changed the same objects all the time: run it again"));
    });
}

#[test]
fn what_is_not_for_it_to_change_is_named() {
    run(async {
        let cluster = Cluster::start().await;
        let secret = |kind: &str, annotations: Value| json!({ "metadata": { "name": "dsn-injector", "annotations": annotations }, "type": kind });
        cluster.put(SECRET, secret("Opaque", json!({})));
        assert!(
            cluster
                .fails()
                .await
                .contains("the Secret dsn-injector is of type Opaque, which cannot be changed")
        );
        cluster.put(SECRET, secret("kubernetes.io/tls", json!({ "cert-manager.io/certificate-name": "x" })));
        assert!(cluster.fails().await.contains("the Secret dsn-injector is kept by cert-manager"));
        cluster.put(SECRET, secret("kubernetes.io/tls", json!({})));
        let output = cluster.run(&["--webhook", "none"]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("there is no MutatingWebhookConfiguration none"), "{said}");
        let output = cluster.run(&["--service", "none"]).await;
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("has no webhook that calls the service none in dsn"), "{said}");
        for (refusal, words) in [
            (
                (403, "secrets is forbidden"),
                "secrets is forbidden: give the service account a role with this verb",
            ),
            ((401, "Unauthorized"), "cannot read /api/v1/namespaces/dsn/secrets/dsn-injector: 401"),
            ((500, "etcd is away"), "etcd is away"),
        ] {
            cluster.refuse(Some(refusal));
            let said = cluster.fails().await;
            assert!(said.contains(words) && !said.contains("the-token"), "{said}");
        }
        assert_eq!(cluster.writes(), []);
    });
}

/// Whether an injector with the present certificate is reached by whom the cluster tells whom to trust.
async fn is_reached(cluster: &Cluster, name: &str) -> bool {
    let webhook = tokio::spawn(injector(cluster)).await.unwrap();
    reaches(&webhook, &cluster.bundle(), name).await
}

fn injector(cluster: &Cluster) -> impl Future<Output = Webhook> + use<> {
    let (certificate, key) = (cluster.secret("tls.crt"), cluster.secret("tls.key"));
    async move { Webhook::start_with(&certificate, &key, &[]).await }
}

async fn reaches(webhook: &Webhook, bundle: &str, name: &str) -> bool {
    let port = webhook.port();
    let client = client_of(bundle).resolve(name, ([127, 0, 0, 1], port).into()).build().unwrap();
    client.get(format!("https://{name}:{port}/healthz")).send().await.is_ok()
}
