//! `dsn-broker check`

use serde_json::{Value, json};

use super::program::{configured, dsn_broker, settings};
use crate::stand::run;

/// What breaks the configuration, where it then stands in the file, and what is said there.
type Case = (fn(&mut Value), &'static str, &'static str);

const CASES: [Case; 10] = [
    (
        |c| c["server"]["lisen"] = json!("x"),
        "\"lisen\"",
        "server.lisen: the key `lisen` is not known here; did you mean `listen`?",
    ),
    (
        |c| c["ledger"]["url"] = json!("postgres://u:hunter2@h/l"),
        "\"url\": \"postgres",
        "ledger.url: say where the secret is, {file: …} or {env: …}: the secret itself does not belong here",
    ),
    (
        |c| c["roles"]["orders-reader"]["database"] = json!("order"),
        "\"database\": \"order\"",
        "roles.orders-reader.database: there is no database `order`; there are `orders`",
    ),
    (|c| c["roles"]["orders-reader"]["ttl"] = json!("5h"), "\"ttl\": \"5h\"", "roles.orders-reader.ttl: "),
    (
        |c| c["databases"]["orders"]["endpoints"]["primary"]["tls"] = json!({ "mode": "verify-ca" }),
        "\"mode\"",
        "databases.orders.endpoints.primary.tls.mode: weaker than verify-full: ",
    ),
    (
        |c| c["seal"]["keys"][0]["key"] = json!({ "env": "HOME" }),
        "\"key\": {",
        "seal.keys[0].key: the key in HOME is not base64; make one with `openssl rand -base64 32`",
    ),
    (
        |c| c["bindings"][0]["workloads"]["issuer"] = json!("nobody"),
        "\"issuer\": \"nobody\"",
        "bindings[0].workloads.issuer: ",
    ),
    (
        |c| c["issuers"]["cluster"]["audiences"] = json!([]),
        "\"audiences\"",
        "issuers.cluster.audiences: without an audience a token that was meant for another service would be accepted: name the broker's",
    ),
    (
        |c| c["roles"]["orders-everyone"]["credential"] = json!({ "kind": "connect_token", "username": "a" }),
        "\"kind\": \"connect",
        "roles.orders-everyone.credential.kind: the engine `postgres` has no `connect_token`; it has `dynamic_user`, `rotated_password`",
    ),
    (
        |c| {
            c["server"]["tls"] = Value::Null;
            c["server"]["plain_http"] = json!(true);
            c["server"]["listen"] = json!("0.0.0.0:0");
        },
        "\"plain_http\"",
        "server.plain_http: 0.0.0.0:0 is not a loopback address: proofs and passwords would cross the network in the clear",
    ),
];

#[test]
fn each_mistake_is_named_with_its_file_line_and_key() {
    run(async {
        let mut settings = settings().await;
        let right = settings.config.clone();
        for (break_it, place, message) in CASES {
            settings.config = right.clone();
            break_it(&mut settings.config);
            let ended = configured(&settings, &["check"]).await;
            assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
            let text = std::fs::read_to_string(settings.file()).unwrap();
            let line = 1 + text.lines().position(|line| line.contains(place)).unwrap();
            let start = format!("{}:{line}:", settings.file().display());
            let found = ended.stderr.lines().any(|said| said.contains(&start) && said.contains(message));
            assert!(found, "{start} … {message}\n{}", ended.stderr);
            assert!(!ended.stderr.contains("hunter2"), "{}", ended.stderr);
        }
    });
}

#[test]
fn all_mistakes_are_named_at_once() {
    run(async {
        let mut settings = settings().await;
        for (break_it, ..) in CASES.iter().skip(2) {
            break_it(&mut settings.config);
        }
        let said = configured(&settings, &["check"]).await.stderr;
        for (_, _, message) in CASES.iter().skip(2) {
            assert!(said.contains(message), "{message}\n{said}");
        }
    });
}

#[test]
fn what_is_right_is_said_to_be_with_what_may_not_be_meant() {
    run(async {
        let mut settings = settings().await;
        settings.config["cache"] = json!({ "local": {} });
        let ended = configured(&settings, &["check"]).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(
            ended.stdout.contains("cache.local: nothing is shared between replicas: for one replica only"),
            "{ended:?}"
        );
        assert!(
            ended.stdout.contains("the configuration is right: 1 issuer, 1 database, 5 roles, 1 binding\n"),
            "{ended:?}"
        );
    });
}

#[test]
fn a_file_that_is_not_there_is_named() {
    run(async {
        let ended = dsn_broker(&["check", "--config", "/nowhere/broker.yaml"]).await;
        assert_eq!(ended.code, Some(1));
        let said = "dsn-broker: the configuration /nowhere/broker.yaml cannot be read: No such file or directory (os error 2)\n";
        assert_eq!(ended.stderr, said);
    });
}
