//! `dsn doctor` in front of everything that can be wrong.

use std::time::Duration;

use devstack::{Backend, Ca, Claims, Edge, Opening, Port};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::scene::{Scene, run};

/// What it finds, and whether it is content.
async fn examined(mut command: Command) -> (Vec<Value>, bool) {
    let output = command.arg("--json").output().await.unwrap();
    let (said, errors) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(errors, "");
    let steps: Vec<Value> = serde_json::from_str(&said).unwrap();
    (steps, output.status.success())
}

/// The step that fails: its name, what is wrong, and what to do. All before it are well, and none comes after it.
async fn fails(command: Command) -> (String, String, String) {
    let (steps, is_content) = examined(command).await;
    let (last, before) = steps.split_last().unwrap();
    assert!(!is_content && last["ok"] == false && before.iter().all(|step| step["ok"] == true), "{steps:?}");
    let text = |name: &str| last[name].as_str().unwrap().to_owned();
    (text("step"), text("what"), text("remedy"))
}

#[test]
fn all_is_well_from_the_environment_to_a_session() {
    run(async {
        let scene = Scene::shared().await;
        let (steps, is_content) = examined(scene.dsn(&["doctor", "orders-reader"])).await;
        let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            ["setup", "name", "connection", "TLS", "proof", "role", "DSN", "name", "connection", "login"]
        );
        assert!(is_content, "{steps:?}");
        let login = steps.last().unwrap()["what"].as_str().unwrap();
        assert!(login.starts_with("as dsn_") && login.contains("PostgreSQL"), "{login}");
        let shown = scene.succeeds(&["doctor"]).await;
        assert!(shown.contains("ok    proof       app-cli of issuer cluster"), "{shown}");
        assert!(shown.contains("name a role to try its database: orders-"), "{shown}");
        // What only it has had is ended.
        let user = |steps: &[Value]| {
            let what = steps.iter().find(|step| step["step"] == "DSN").unwrap()["what"].as_str().unwrap();
            what.split_once(' ').unwrap().0.to_owned()
        };
        let (steps, _) = examined(scene.dsn(&["doctor", "orders-request"])).await;
        let leases: Value = serde_json::from_str(&scene.succeeds(&["leases", "--json"]).await).unwrap();
        let lease = leases["leases"].as_array().unwrap().iter().find(|it| it["username"] == user(&steps));
        assert!(lease.is_none_or(|lease| lease["state"] != "active"), "{lease:?}");
    });
}

#[test]
fn what_is_wrong_on_the_way_to_the_broker_is_told_apart() {
    run(async {
        let scene = Scene::shared().await;
        let other = Ca::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let other_ca = folder.path().join("ca.pem");
        std::fs::write(&other_ca, other.pem()).unwrap();
        let free = Port::claim().unwrap();
        let closed = format!("https://localhost:{}", free.number());
        let by_address = scene.broker_url().replace("localhost", "127.0.0.2");
        for (variable, value, step, what, remedy) in [
            ("DSN_BROKER_URL", "", "setup", "DSN_BROKER_URL is not set", "dsn --help"),
            (
                "DSN_BROKER_URL",
                "https://no.such.name.invalid",
                "name",
                "no.such.name.invalid has no address",
                "NAME.NAMESPACE.svc",
            ),
            ("DSN_BROKER_URL", &closed, "connection", "refused", "does the broker run"),
            ("DSN_BROKER_CA", other_ca.to_str().unwrap(), "TLS", "", "DSN_BROKER_CA"),
            (
                "DSN_BROKER_TOKEN_FILE",
                "/no/such/file",
                "proof",
                "/no/such/file",
                "projected service account token",
            ),
            ("DSN_BROKER_TOKEN", "nonsense", "proof", "401", "is it one of the broker's?"),
        ] {
            let mut command = scene.dsn(&["doctor", "orders-reader"]);
            command.env(variable, value);
            let found = fails(command).await;
            assert_eq!(found.0, step, "{variable}={value}: {found:?}");
            assert!(found.1.contains(what) && found.2.contains(remedy), "{variable}={value}: {found:?}");
        }
        // It listens on one address alone: there is nobody at another, whatever its certificate says.
        let mut command = scene.dsn(&["doctor"]);
        command.env("DSN_BROKER_URL", by_address);
        assert_eq!(fails(command).await.0, "connection");
        let stale = Claims::of("app-cli").now(1_000_000_000).lifetime(Duration::from_secs(60));
        let stale = scene.world().oidc().mint(&stale).unwrap();
        let (step, _, remedy) = fails(scene.dsn_with(&["doctor"], &stale)).await;
        assert_eq!(step, "proof");
        assert!(
            remedy.contains("request.id") && remedy.contains("expired at 2001-09-09 01:47:40 UTC"),
            "{remedy}"
        );
        assert!(!remedy.contains(stale.split('.').nth(2).unwrap()));
        let (step, _, remedy) = fails(scene.dsn(&["doctor", "orders-unbound"])).await;
        assert_eq!(step, "role");
        assert!(remedy.contains("orders-reader"), "{remedy}");
    });
}

#[test]
fn what_is_wrong_on_the_way_to_the_database_is_told_apart() {
    run(async {
        let started = tokio::spawn(async {
            let free = Port::claim().unwrap();
            let closed = free.number();
            let mut kept = None;
            let scene = Scene::start(async |world, configuration| {
                let upstream = world.orders().tls_upstream().unwrap();
                let lead = || {
                    let upstream = upstream.clone();
                    move |opening: &Opening| Backend::new(upstream.clone(), opening)
                };
                let ca = world.ca();
                let wrong =
                    Edge::builder(&ca.issue(&["other.test"]).unwrap()).route(lead()).start().await.unwrap();
                let other = Ca::generate().unwrap();
                let untrusted =
                    Edge::builder(&other.issue(&["localhost"]).unwrap()).route(lead()).start().await.unwrap();
                let plain = Edge::plaintext().route(lead()).start().await.unwrap();
                let at = |host: &str, port: u16| json!({ "host": host, "port": port });
                configuration.merge(&json!({ "databases": { "orders": { "endpoints": {
                    "wrong": at("localhost", wrong.port()),
                    "untrusted": at("localhost", untrusted.port()),
                    "plain": at("localhost", plain.port()),
                    "closed": at("localhost", closed),
                    "nameless": at("no.such.name.invalid", 5432),
                } } } }));
                kept = Some([wrong, untrusted, plain]);
            })
            .await;
            (scene, kept, free)
        });
        let (scene, _edges, _free) = started.await.unwrap();
        for (endpoint, step, what, remedy) in [
            ("wrong", "login", "other.test", "`endpoints.….host`"),
            ("untrusted", "login", "", "`databases.….tls.ca`"),
            ("plain", "login", "", "speaks no TLS"),
            ("closed", "connection", "refused", "does the database run"),
            ("nameless", "name", "no.such.name.invalid has no address", "`databases`"),
        ] {
            let found = fails(scene.dsn(&["doctor", "orders-reader", "--endpoint", endpoint])).await;
            assert_eq!(found.0, step, "{endpoint}: {found:?}");
            assert!(found.1.contains(what) && found.2.contains(remedy), "{endpoint}: {found:?}");
        }
        let (step, what, _) = fails(scene.dsn(&["doctor", "orders-reader", "--endpoint", "elsewhere"])).await;
        assert_eq!(step, "DSN");
        assert!(what.contains("this role has the endpoints primary, "), "{what}");
    });
}
