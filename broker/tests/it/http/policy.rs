//! Who may use what, and who shares it with whom.

use devstack::Claims;
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::identity::generate_api_key;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_invalid, assert_problem};
use crate::stand::{Answer, Caller, Stand, role, run};

async fn roles(caller: &Caller<'_>) -> Vec<String> {
    let body = caller.get("/v1/roles").await.ok();
    let roles = body["roles"].as_array().unwrap().clone();
    let names: Vec<_> = roles.iter().map(|role| role["role"].as_str().unwrap().to_owned()).collect();
    let who = caller.get("/v1/whoami").await.ok();
    assert_eq!(who["roles"], json!(names), "both calls agree");
    names
}

#[test]
fn bindings_look_at_issuer_subject_and_claims() {
    let key = generate_api_key(&SystemEntropy);
    run(async {
        let http_issuer = crate::stand::world().await.oidc().http_issuer().to_owned();
        let stand = Stand::with(|config| {
            let bind = |workloads: Value, role: &str| json!({ "workloads": workloads, "roles": [role] });
            config["issuers"]["other"] = json!({
                "kind": "oidc", "issuer": http_issuer, "audiences": ["dsn-broker"], "algorithms": ["ES256", "RS256"],
            });
            config["issuers"]["keys"] = json!({ "kind": "api_key", "keys": {
                "ci": { "sha256": key.sha256, "claims": { "team": "red" } },
            } });
            config["bindings"] = json!([
                bind(json!({ "issuer": "cluster", "subject": "app-*" }), "orders-reader"),
                bind(json!({ "issuer": "other", "subject": "app-*" }), "orders-instance"),
                bind(json!({ "issuer": "cluster", "claims": {
                    "\"kubernetes.io\".serviceaccount.name": "web-*", "\"kubernetes.io\".namespace": "shop",
                } }), "orders-request"),
                bind(json!({ "issuer": "cluster", "claims": { "groups": "team-*" } }), "orders-everyone"),
                bind(json!({ "issuer": "cluster", "claims": { "\"https://idp.example/level\"": "7" } }), "orders-everyone"),
                bind(json!({ "issuer": "keys", "claims": { "team": "red" } }), "orders-unbound"),
            ]);
        })
        .await;
        let pod = |name: &str, namespace: &str| json!({ "namespace": namespace, "serviceaccount": { "name": name }, "pod": { "uid": "u-1" } });
        let who = |subject: &str| Claims::of(subject);
        let kubernetes = |name: &str, namespace: &str| who("x").with("kubernetes.io", pod(name, namespace));
        for (claims, expected) in [
            (who("app-orders"), vec!["orders-reader"]),
            (who("app-"), vec!["orders-reader"]),
            (who("App-orders"), vec![]),
            (who("an-app-orders"), vec![]),
            (who("app-orders").issuer(&http_issuer), vec!["orders-instance"]),
            (kubernetes("web-1", "shop"), vec!["orders-request"]),
            (kubernetes("web-1", "shopping"), vec![]),
            (kubernetes("api", "shop"), vec![]),
            (who("x").with("kubernetes.io", "web-1"), vec![]),
            (who("x").with("groups", json!(["staff", "team-red"])), vec!["orders-everyone"]),
            (who("x").with("groups", "team-blue"), vec!["orders-everyone"]),
            (who("x").with("groups", json!([["team-red"]])), vec![]),
            (who("x").with("groups", json!({ "team-red": true })), vec![]),
            (who("x").with("https://idp.example/level", 7), vec!["orders-everyone"]),
            (who("x").with("https://idp.example/level", 70), vec![]),
            (who("app-x").with("groups", "team-x"), vec!["orders-everyone", "orders-reader"]),
        ] {
            let caller = stand.claims(claims.clone());
            assert_eq!(roles(&caller).await, expected, "{claims:?}");
            for name in ["orders-reader", "orders-everyone", "orders-unbound"] {
                // A bound role gets as far as its question about the CA; nothing is made for this.
                let asked = caller.get(&format!("/v1/dsn/{name}")).await;
                let kind = if expected.contains(&name) { "invalid-request" } else { "forbidden" };
                assert_eq!(asked.problem(), kind, "{name}: {claims:?}");
            }
        }
        let ci = stand.bearer(key.key.expose());
        assert_eq!(roles(&ci).await, ["orders-unbound"]);
        let who = ci.get("/v1/whoami").await.ok();
        assert_eq!(
            who,
            json!({ "issuer": "keys", "subject": "ci", "instance": null, "claims": { "team": "red" },
                    "roles": ["orders-unbound"], "may": [] })
        );
        assert_eq!(ci.dsn("orders-unbound").await["role"], "orders-unbound");
        stand.stop().await;
    });
}

/// The lease that an instance of a workload gets.
async fn lease(caller: &Caller<'_>, role: &str, instance: Option<&str>) -> String {
    let request = caller.request(Method::GET, &caller.dsn_path(role));
    let request = instance.iter().fold(request, |request, name| request.header("dsn-instance", *name));
    Answer::of(request).await.ok()["lease_id"].as_str().unwrap().to_owned()
}

#[test]
fn who_shares_a_lease_is_what_the_role_says() {
    run(async {
        let stand = Stand::start().await;
        let pod = |subject: &str, uid: &str| {
            stand.claims(Claims::of(subject).with("kubernetes.io", json!({ "pod": { "uid": uid } })))
        };
        let (one, two, other) = (pod("app-a", "u-1"), pod("app-a", "u-2"), pod("app-b", "u-1"));

        let shared = lease(&one, "orders-reader", None).await;
        assert_eq!(lease(&two, "orders-reader", Some("ignored")).await, shared, "workload: all pods");
        assert_ne!(lease(&other, "orders-reader", None).await, shared, "workload: no other subject");

        let own = lease(&one, "orders-instance", None).await;
        assert_eq!(lease(&one, "orders-instance", None).await, own, "instance: again the same");
        assert_eq!(lease(&one, "orders-instance", Some("u-2")).await, own, "instance: the proof wins");
        assert_ne!(lease(&two, "orders-instance", None).await, own, "instance: not the other pod");
        assert_ne!(lease(&other, "orders-instance", None).await, own, "instance: not the other subject");

        let bare = stand.caller("app-a");
        assert_invalid(&bare.get(&bare.dsn_path("orders-instance")).await, "Dsn-Instance", "Dsn-Instance");
        let named = lease(&bare, "orders-instance", Some("i-1")).await;
        assert_eq!(lease(&bare, "orders-instance", Some("i-1")).await, named);
        assert_ne!(lease(&bare, "orders-instance", Some("i-2")).await, named);
        for wrong in ["", "a b", "ä", &"x".repeat(129)] {
            let request = bare.request(Method::GET, &bare.dsn_path("orders-instance"));
            let value = reqwest::header::HeaderValue::from_bytes(wrong.as_bytes()).unwrap();
            assert_invalid(&Answer::of(request.header("dsn-instance", value)).await, "Dsn-Instance", "ASCII");
        }

        let requests = [lease(&one, "orders-request", None).await, lease(&one, "orders-request", None).await];
        assert_ne!(requests[0], requests[1], "request: never the same");
        let everyone = lease(&one, "orders-everyone", None).await;
        assert_eq!(lease(&other, "orders-everyone", None).await, everyone, "role: everyone");
        for (name, shared) in [
            ("orders-reader", true),
            ("orders-instance", true),
            ("orders-request", false),
            ("orders-everyone", true),
        ] {
            assert_eq!(one.dsn(name).await["shared"], shared, "{name}");
        }
        stand.stop().await;
    });
}

#[test]
fn a_quota_is_exact_and_stands_in_nobodys_way_otherwise() {
    run(async {
        let stand = Stand::with(|config| {
            config["roles"]["orders-small"] = role("request");
            config["bindings"][0]["roles"] = json!(["orders-request", "orders-reader"]);
            config["bindings"][0]["max_leases"] = 3.into();
        })
        .await;
        let caller = stand.caller("app-orders");
        let path = caller.dsn_path("orders-request");
        let answers = futures_util::future::join_all((0..50).map(|_| caller.get(&path))).await;
        let (given, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(given.len(), 3);
        for answer in refused {
            assert_problem(answer, "quota-exceeded");
        }
        assert_eq!(stand.users().await.len(), 3, "for those who were refused nothing was made");
        // Other workloads and other roles have quotas of their own.
        stand.caller("app-other").dsn("orders-request").await;
        caller.dsn("orders-reader").await;
        let lease = format!("/v1/leases/{}", given[0].json()["lease_id"].as_str().unwrap());
        stand.clock.advance(std::time::Duration::from_secs(60));
        caller.post(&format!("{lease}/renew"), &json!({})).await.ok();
        caller.delete(&lease).await.ok();
        caller.get(&path).await.ok();
        assert_problem(&caller.get(&path).await, "quota-exceeded");
        stand.stop().await;
    });
}

#[test]
fn a_successor_needs_no_room_in_the_quota() {
    run(async {
        let stand = Stand::with(|config| config["bindings"][0]["max_leases"] = 1.into()).await;
        let caller = stand.caller("app-orders");
        let first = caller.dsn("orders-reader").await;
        stand.clock.advance(std::time::Duration::from_secs(1900));
        stand
            .until(|| async {
                let next = caller.get(&caller.dsn_path("orders-reader")).await.ok();
                if next["lease_id"] == first["lease_id"] {
                    Err("still the old one".to_owned())
                } else {
                    Ok(())
                }
            })
            .await;
        stand.stop().await;
    });
}
