//! `dsn` as people use it, against a real broker.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod agent;
mod doctor;
mod exec;
mod injector;
mod recipes;
mod scene;
mod watch;

use scene::{Scene, run};

#[test]
fn a_dsn_is_printed_for_a_driver_and_its_ca_is_put_beside_it() {
    run(async {
        let scene = Scene::shared().await;
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        let ca = ca.to_str().unwrap();
        let dsn = scene.succeeds(&["get", "orders-reader", "--ca-file", ca, "--write-ca"]).await;
        assert_eq!(std::fs::read_to_string(ca).unwrap(), scene.ca_pem());
        assert_eq!(scene::mode(ca.as_ref()), 0o644, "it is no secret");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let refused =
            scene.dsn(&["get", "orders-reader", "--ca-file", link.to_str().unwrap(), "--write-ca"]).output();
        let refused = String::from_utf8(refused.await.unwrap().stderr).unwrap();
        assert!(refused.contains("it is a symbolic link"), "{refused}");
        assert!(scene.psql(&dsn, "select current_user").await.starts_with("dsn_"), "{dsn}");
        let driver = scene.succeeds(&["get", "orders-reader", "--ca-file", ca, "--format", "psycopg"]).await;
        assert_eq!(driver, format!("{dsn}&gssencmode=disable"), "it is the same credential");
        let whole = scene.succeeds(&["get", "orders-reader", "--ca-file", ca, "--json"]).await;
        let whole: serde_json::Value = serde_json::from_str(&whole).unwrap();
        assert_eq!((&whole["dsn"], &whole["ca_pem"]), (&dsn.clone().into(), &scene.ca_pem().into()));
        let json = scene.succeeds(&["get", "orders-reader", "--format", "json"]).await;
        let parts: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parts["ca_pem"], scene.ca_pem());
    });
}

#[test]
fn a_session_is_opened_with_psql_and_its_exit_code_is_passed_on() {
    run(async {
        let scene = Scene::shared().await;
        let session = scene
            .dsn(&["psql", "orders-reader", "--", "-XAtc", "select current_user", "-c", r"\! env"])
            .envs([
                ("PGHOSTADDR", "127.255.255.254"),
                ("PGOPTIONS", "-c role=nobody"),
                ("PGSERVICE", "other"),
            ])
            .output();
        let said = String::from_utf8(session.await.unwrap().stdout).unwrap();
        assert!(said.starts_with("dsn_") && said.contains("PGSERVICEFILE="), "{said}");
        assert!(!said.contains("DSN_BROKER_"), "{said}");
        let refused =
            scene.dsn(&["psql", "orders-reader", "--", "-XAtc", "nonsense"]).output().await.unwrap();
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    });
}

#[test]
fn what_is_wrong_is_said_with_what_to_do() {
    run(async {
        let scene = Scene::shared().await;
        for (arguments, code, words) in [
            (&["get", "orders-nowhere"][..], 1, "forbidden"),
            (&["get", "orders-reader"], 1, "ca_file=/path"),
            (&["get", "orders-reader", "--format", "aiomysql"], 1, "is not offered"),
            (
                &["exec", "no/path=orders-reader", "--", "true"],
                2,
                "neither the name of a variable nor an absolute path",
            ),
            (
                &["exec", "1ST_URL=orders-reader", "--", "true"],
                2,
                "neither the name of a variable nor an absolute path",
            ),
            (
                &["exec", "orders-reader", "orders-request", "--", "true"],
                125,
                "DATABASE_URL cannot have the DSNs of both orders-reader and orders-request",
            ),
            (
                &["exec", "/run/dsn=orders-reader", "/run/dsn=orders-request", "--", "true"],
                125,
                "/run/dsn cannot have the DSNs of both",
            ),
            (&["exec", "orders-nowhere", "--", "true"], 125, "forbidden"),
            (&["psql", "orders-nowhere"], 125, "forbidden"),
            (&["psql", "orders-reader", "--os", "plan9"], 125, "is one of debian"),
            (&["exec", "orders-reader", "--", "/no/such/program"], 127, "/no/such/program does not start"),
            (&["exec", "orders-reader", "--", "/"], 126, "/ does not start"),
        ] {
            let said = scene.dsn(arguments).output().await.unwrap();
            let words_said = String::from_utf8(said.stderr).unwrap();
            assert!(words_said.contains(words), "{arguments:?}: {words_said}");
            assert_eq!(said.status.code(), Some(code), "{arguments:?}: {words_said}");
            assert!(said.stdout.is_empty());
        }
        assert!(scene.succeeds(&["exec", "--help"]).await.contains("126 if it cannot be started"));
        let said = scene.dsn(&["whoami"]).env_remove("DSN_BROKER_URL").output().await.unwrap();
        assert!(String::from_utf8(said.stderr).unwrap().contains("DSN_BROKER_URL is not set"));
    });
}

#[test]
fn one_sees_who_one_is_and_what_one_has_and_can_end_it() {
    run(async {
        let scene = Scene::shared().await;
        let json = async |arguments: &[&str]| -> serde_json::Value {
            serde_json::from_str(&scene.succeeds(arguments).await).unwrap()
        };
        assert_eq!(json(&["whoami", "--json"]).await["subject"], "app-cli");
        assert!(scene.succeeds(&["whoami"]).await.contains("subject  app-cli"));
        let roles = json(&["--json", "roles"]).await;
        assert!(roles["roles"].as_array().unwrap().iter().any(|role| role["role"] == "orders-reader"));
        let uri = ["get", "orders-request", "--ca-file", scene.ca_path()];
        let dsn = scene.succeeds(&uri).await;
        let user = scene.psql(&dsn, "select current_user").await;
        let leases = json(&["leases", "--json"]).await;
        let shown = scene.succeeds(&["leases"]).await;
        assert!(shown.starts_with("lease_id ") && shown.contains(&user), "{shown}");
        let lease =
            leases["leases"].as_array().unwrap().iter().find(|lease| lease["username"] == *user).unwrap();
        scene.succeeds(&["revoke", lease["lease_id"].as_str().unwrap()]).await;
        assert_eq!(scene.psql(&dsn, "select 1").await, "", "it lets nobody in");
    });
}

#[test]
fn shells_and_man_know_every_subcommand() {
    run(async {
        let scene = Scene::shared().await;
        for shell in ["bash", "zsh", "fish"] {
            let script = scene.succeeds(&["completions", shell]).await;
            assert!(script.contains("doctor") && script.contains("write-ca"), "{shell}");
        }
        let folder = tempfile::tempdir().unwrap();
        scene.succeeds(&["man", folder.path().to_str().unwrap()]).await;
        let page = std::fs::read_to_string(folder.path().join("dsn-exec.1")).unwrap();
        assert!(page.contains(".TH dsn-exec 1") && page.contains("on\\-change"), "{page}");
    });
}
