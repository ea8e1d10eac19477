//! Every operation of the document, asked by all who must not get an answer.

use devstack::{Bad, Claims};
use dsn_broker::entropy::SystemEntropy;
use dsn_broker::http::Kind;
use dsn_broker::identity::generate_api_key;
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::assert_problem;
use super::operations::{document, operations};
use crate::stand::{Answer, Settings, Stand, repository, run, seconds, unique, world};

#[test]
fn nobody_gets_in_without_a_good_proof_and_nobody_learns_why() {
    run(async {
        let (good, old, unknown) = (
            generate_api_key(&SystemEntropy),
            generate_api_key(&SystemEntropy),
            generate_api_key(&SystemEntropy),
        );
        let stand = Stand::with(|config| {
            config["issuers"]["keys"] = json!({ "kind": "api_key", "keys": {
                "ci": { "sha256": good.sha256 },
                "old": { "sha256": old.sha256, "expires_at": "2020-01-01T00:00:00Z" },
            } });
            // So that even a megabyte of token is read, and refused like any other.
            config["server"]["limits"]["head"] = "4MiB".into();
        })
        .await;
        let bearer = |proof: &str| vec![format!("Bearer {proof}")];
        let key = good.key.expose();
        assert_eq!(stand.bearer(key).get("/v1/whoami").await.ok()["subject"], "ci");
        let token = stand.settings.token("operator", stand.now());
        let mut proofs: Vec<(String, Vec<String>)> = vec![
            ("none".into(), vec![]),
            ("empty".into(), vec![String::new()]),
            ("no token".into(), vec!["Bearer".into()]),
            ("blank".into(), vec!["Bearer    ".into()]),
            ("no scheme".into(), vec![token.clone()]),
            ("other scheme".into(), vec![format!("Basic {token}")]),
            ("twice".into(), vec![format!("Bearer {token}"), format!("Bearer {token}")]),
            ("two in one".into(), bearer(&format!("{token} {token}"))),
            ("two by comma".into(), bearer(&format!("{token}, {token}"))),
            ("expired key".into(), bearer(old.key.expose())),
            ("unknown key".into(), bearer(unknown.key.expose())),
            ("cut key".into(), bearer(&key[..key.len() - 1])),
            (
                "mistyped key".into(),
                bearer(&key.replacen(&key[10..11], if &key[10..11] == "x" { "y" } else { "x" }, 1)),
            ),
            ("prefix alone".into(), bearer("dsnk_")),
        ];
        let claims = Claims::of("operator").now(seconds(stand.now()));
        for bad in Bad::ALL {
            let token = stand.settings.world.oidc().mint_bad(&claims, bad).unwrap();
            proofs.push((format!("{bad:?}"), bearer(&token)));
        }
        let mut first = None;
        for operation in operations() {
            for (name, headers) in &proofs {
                let mut request = operation.request(&stand);
                for header in headers {
                    request = request.header("authorization", header);
                }
                let answer = Answer::of(request).await;
                assert_problem(&answer, "unauthenticated");
                let shape = answer.shape();
                assert_eq!(*first.get_or_insert(shape.clone()), shape, "{} with {name}", operation.id);
            }
        }
        let (status, headers, body) = first.unwrap();
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert!(headers.contains(&("www-authenticate".into(), "Bearer".into())), "{headers:?}");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({ "type": "/problems/unauthenticated", "title": "Identity is not proven", "status": 401 })
        );
        assert_eq!(stand.settings.world.oidc().attacker_requests(), 0);
        assert_eq!(stand.users().await, [""; 0], "nothing was made for them");
        stand.stop().await;
    });
}

/// One operation changes the password of the broker's user in the target.
async fn stand(change: impl FnOnce(&mut Value)) -> Stand {
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.own_admin("Own-password-1").await;
    change(&mut settings.config);
    Stand::on(settings).await
}

#[test]
fn every_operation_of_the_document_is_served_to_a_good_caller() {
    run(async {
        let stand = stand(|config| {
            config["bindings"][0]["workloads"]["subject"] = "*".into();
            config["operators"][0]["may"] = json!(["leases", "revoke", "audit", "rotate"]);
        })
        .await;
        let token = stand.settings.token("operator", stand.now());
        for operation in operations() {
            let answer = Answer::of(operation.request(&stand).bearer_auth(&token)).await;
            let expected = if operation.path.contains("00000000") { 404 } else { 200 };
            assert_eq!(answer.status.as_u16(), expected, "{}: {}", operation.id, answer.text);
            assert!(operation.statuses.contains(&answer.status.as_u16()), "{}", operation.id);
            assert_eq!(answer.headers["cache-control"], "no-store");
            assert_eq!(answer.headers["x-content-type-options"], "nosniff");
            assert!(answer.headers.contains_key("x-request-id"));
            if expected == 404 {
                assert_problem(&answer, "lease-not-found");
            }
        }
        stand.stop().await;
    });
}

#[test]
fn operations_of_operators_need_their_right_and_no_other() {
    const RIGHTS: [&str; 4] = ["leases", "revoke", "audit", "rotate"];
    run(async {
        let rights_of =
            |number: usize| RIGHTS.iter().enumerate().filter(move |(bit, _)| number & (1 << bit) != 0);
        let stand = stand(|config| {
            config["operators"] = (1..16)
                .map(|number| {
                    let may: Vec<_> = rights_of(number).map(|(_, right)| *right).collect();
                    json!({ "workloads": { "issuer": "cluster", "subject": format!("who-{number}") }, "may": may })
                })
                .collect();
        })
        .await;
        let operations: Vec<_> = operations().into_iter().filter(|one| one.tag == "operators").collect();
        assert!(operations.len() >= 4);
        let mut refusal = None;
        for number in 0..16 {
            let token = stand.settings.token(&format!("who-{number}"), stand.now());
            let rights: Vec<_> = rights_of(number).map(|(_, right)| *right).collect();
            let who = stand.bearer(token.clone()).get("/v1/whoami").await.ok();
            assert_eq!(who["may"], json!(rights), "who-{number}");
            for operation in &operations {
                let needed = match operation.id.as_str() {
                    "list_databases" | "show_database" => "leases",
                    "request_revocations" => "revoke",
                    "search_audit" => "audit",
                    "rotate_password" => "rotate",
                    other => panic!("which right does {other} need?"),
                };
                let answer = Answer::of(operation.request(&stand).bearer_auth(&token)).await;
                if rights.contains(&needed) {
                    assert_eq!(answer.status, StatusCode::OK, "{} by {rights:?}", operation.id);
                } else {
                    assert_problem(&answer, "forbidden");
                    let shape = answer.shape();
                    assert_eq!(
                        *refusal.get_or_insert(shape.clone()),
                        shape,
                        "{} by {rights:?}",
                        operation.id
                    );
                }
            }
        }
        assert_eq!(refusal.unwrap().0, StatusCode::FORBIDDEN);
        stand.stop().await;
    });
}

#[test]
fn the_committed_document_is_the_one_that_is_served() {
    let file = std::fs::read_to_string(repository().join("openapi/openapi.json")).unwrap();
    let fresh = dsn_broker::http::openapi().to_pretty_json().unwrap() + "\n";
    assert!(file == fresh, "openapi/openapi.json is stale: run `make generate`");
    run(async {
        let stand = Stand::start().await;
        let served = Answer::of(stand.request(reqwest::Method::GET, "/openapi.json")).await;
        assert_eq!(served.ok(), document());
        stand.stop().await;
    });
}

#[test]
fn the_document_names_every_kind_of_problem_and_every_status_of_every_operation() {
    let document = document();
    let documented = &document["components"]["schemas"]["Problem"]["properties"]["type"]["enum"];
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| format!("/problems/{}", kind.name())).collect();
    assert_eq!(*documented, json!(kinds));
    // What any operation may answer; 404, 405 and 409 belong to some only.
    let everywhere: Vec<u16> = Kind::ALL.iter().map(|kind| kind.meaning().0.as_u16()).collect();
    for operation in operations() {
        for status in everywhere.iter().filter(|status| !matches!(status, 404 | 405 | 409)) {
            assert!(operation.statuses.contains(status), "{} does not document {status}", operation.id);
        }
    }
}
