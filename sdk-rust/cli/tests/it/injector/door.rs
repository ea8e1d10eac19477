//! What comes to the injector's door that is no pod, and its certificate.

use std::process::Stdio;

use devstack::Ca;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::injector::webhook::{Webhook, client, command, pod, review};
use crate::scene::run;

#[test]
fn only_a_review_of_version_1_is_answered() {
    run(async {
        let webhook = Webhook::shared().await;
        let good = review(&pod(&[]));
        let with = |pointer: &str, value: Value| {
            let mut review = good.clone();
            *review.pointer_mut(pointer).unwrap() = value;
            review.to_string()
        };
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for (body, words) in [
            (with("/apiVersion", "admission.k8s.io/v1beta1".into()), "write admissionReviewVersions: [v1]"),
            (with("/kind", "ConversionReview".into()), "only AdmissionReview of admission.k8s.io/v1"),
            (with("/request", Value::Null), "has no request"),
            (with("/request/uid", json!(7)), "the body is no AdmissionReview"),
            (String::new(), "the body is no AdmissionReview"),
            ("{".to_owned(), "the body is no AdmissionReview"),
            (deep, "the body is no AdmissionReview"),
        ] {
            let response = webhook.post(body).await;
            assert_eq!(response.status(), 400);
            let said = response.text().await.unwrap();
            assert!(said.contains(words), "{said}");
        }
    });
}

#[test]
fn what_is_no_review_at_all_is_turned_away() {
    run(async {
        let webhook = Webhook::shared().await;
        let (client, url) = (webhook.client(), webhook.url("/mutate"));
        let body = review(&pod(&[])).to_string();
        for kind in ["text/plain", "application/json-patch+json", ""] {
            let response =
                client.post(&url).header("content-type", kind).body(body.clone()).send().await.unwrap();
            assert_eq!(response.status(), 415);
        }
        let kind = "application/json; charset=utf-8";
        let response = client.post(&url).header("content-type", kind).body(body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(client.get(&url).send().await.unwrap().status(), 405);
        assert_eq!(client.get(webhook.url("/")).send().await.unwrap().status(), 404);
        for path in ["/healthz", "/readyz"] {
            assert_eq!(client.get(webhook.url(path)).send().await.unwrap().status(), 200);
        }
        let large = " ".repeat(4 * 1024 * 1024 + 1);
        assert_eq!(webhook.post(large).await.status(), 413);
    });
}

#[test]
fn a_body_that_does_not_come_holds_nobody() {
    run(async {
        let webhook = Webhook::shared().await;
        let connection = TcpStream::connect(("127.0.0.1", webhook.port())).await.unwrap();
        let mut connection = webhook.connect(connection).await;
        let head = "POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    });
}

#[test]
fn nothing_but_new_pods_is_changed() {
    run(async {
        let webhook = Webhook::shared().await;
        let asking = pod(&[("dsn-broker.io/inject", "orders")]);
        assert!(!webhook.create(&asking).await.patch.is_empty());
        for (pointer, value) in [
            ("/request/operation", json!("UPDATE")),
            ("/request/operation", json!("DELETE")),
            ("/request/operation", json!("CONNECT")),
            ("/request/subResource", json!("ephemeralcontainers")),
        ] {
            let mut review = review(&asking);
            review["request"][pointer.rsplit_once('/').unwrap().1] = value;
            let answer = webhook.answer(&review).await;
            assert!(answer.allowed && answer.patch.is_empty(), "{answer:?}");
        }
        for (group, version, resource) in
            [("apps", "v1", "deployments"), ("", "v1", "secrets"), ("other", "v1", "pods")]
        {
            let mut review = review(&asking);
            review["request"]["resource"] =
                json!({ "group": group, "version": version, "resource": resource });
            let answer = webhook.answer(&review).await;
            assert_eq!((answer.allowed, answer.code), (false, 400), "{answer:?}");
            assert!(answer.message.contains("dsn-broker injects into pods alone"), "{answer:?}");
        }
    });
}

#[test]
fn a_request_without_a_pod_is_refused() {
    run(async {
        let webhook = Webhook::shared().await;
        let asking = pod(&[("dsn-broker.io/inject", "orders")]);
        let mut empty = asking.clone();
        empty["spec"] = json!({ "containers": [] });
        let mut odd = asking;
        odd["metadata"]["annotations"]["dsn-broker.io/inject"] = true.into();
        for (object, words) in [
            (Value::Null, "has no pod in it"),
            (json!([]), "has no pod in it"),
            (empty, "the pod has no containers"),
            (odd, "metadata.annotations: invalid type"),
        ] {
            let answer = webhook.create(&object).await;
            assert!(!answer.allowed && answer.message.contains(words), "{answer:?}");
        }
    });
}

#[test]
fn it_ends_in_order_when_it_is_told_to() {
    run(async {
        let webhook = tokio::spawn(Webhook::start(&[])).await.unwrap();
        assert_eq!(webhook.end().await.code(), Some(0));
    });
}

#[test]
fn a_new_certificate_is_taken_and_a_broken_one_is_not() {
    run(async {
        let webhook = tokio::spawn(Webhook::start(&[])).await.unwrap();
        let file = |name: &str| webhook.folder.path().join(name);
        let is_reached = async |ca: &Ca| client(ca.pem()).get(webhook.url("/healthz")).send().await.is_ok();
        let other = Ca::generate().unwrap();
        assert!(is_reached(&webhook.ca).await && !is_reached(&other).await);
        std::fs::write(file("server.crt"), "-----BEGIN CERTIFICATE-----\nrubbish\n").unwrap();
        assert!(is_reached(&webhook.ca).await);
        let issued = other.issue(&["localhost"]).unwrap();
        std::fs::write(file("server.crt"), &issued.certificate_pem).unwrap();
        assert!(is_reached(&webhook.ca).await, "its key is not there yet");
        std::fs::write(file("server.key"), &issued.key_pem).unwrap();
        assert!(is_reached(&other).await && !is_reached(&webhook.ca).await);
        std::fs::remove_file(file("server.key")).unwrap();
        assert!(is_reached(&other).await);
    });
}

#[test]
fn what_all_pods_would_fail_for_is_found_at_the_start() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let ca = Ca::generate().unwrap();
        ca.issue_to(folder.path(), &["localhost"]).unwrap();
        let (key, none) = (folder.path().join("server.key"), folder.path().join("none.pem"));
        let (key, none) = (key.to_str().unwrap(), none.to_str().unwrap());
        for (options, words) in [
            (&["--broker-ca", key][..], "has more than certificates in it, and would be seen in all pods"),
            (&["--broker-ca", none], "the broker's CA cannot be read"),
            (&["--listen", "203.0.113.1:1"], "cannot listen on 203.0.113.1:1"),
            (&["--agent-run-as-user", "0"], "the agent never runs as root"),
            (&["--agent-memory-limit", "much"], "is not an amount"),
        ] {
            let output = command(folder.path(), options).stderr(Stdio::piped()).output().await.unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(words) && !output.status.success(), "{said}");
        }
        std::fs::remove_file(key).unwrap();
        let output = command(folder.path(), &[]).stderr(Stdio::piped()).output().await.unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().contains("server.key cannot be read"));
    });
}
