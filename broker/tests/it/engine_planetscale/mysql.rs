//! Passwords.

use serde_json::json;

use super::{PASSWORDS, Scene};
use crate::stand::{Outcome, run};

impl Scene {
    /// What the client says that knows nothing but the option file of a role.
    async fn mariadb(&self, role: &str, endpoint: &str, query: &str) -> Outcome {
        mariadb(&self.option_file(role, endpoint).await, query).await
    }

    async fn option_file(&self, role: &str, endpoint: &str) -> String {
        let caller = self.stand.caller("app-orders");
        let path = format!("{}&format=my-cnf&endpoint={endpoint}", caller.dsn_path(role));
        let answer = caller.get_as(&path, "text/plain").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.text
    }
}

/// Runs a query through `mariadb`, with nothing but the option file to go by.
pub(super) async fn mariadb(option_file: &str, query: &str) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.cnf");
    std::fs::write(&path, option_file).unwrap();
    let output = tokio::process::Command::new("mariadb")
        .arg(format!("--defaults-file={}", path.display()))
        .args(["--batch", "--skip-column-names", "--execute", query])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    Outcome {
        ok: output.status.success(),
        stdout: String::from_utf8(output.stdout).unwrap().trim_end().to_owned(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn each_access_may_do_what_it_says_and_no_more() {
    run(async {
        let scene = Scene::start().await;
        let read = "select count(*) > 0 from orders";
        let write = "insert into orders values (floor(rand() * 1000000000))";
        let define = "create table if not exists by_admin (id int)";
        for (role, may) in [
            ("store-reader", [true, false, false]),
            ("store-writer", [false, true, false]),
            ("store-readwriter", [true, true, false]),
            ("store-admin", [true, true, true]),
        ] {
            for (query, may) in [read, write, define].into_iter().zip(may) {
                let outcome = scene.mariadb(role, "primary", query).await;
                assert_eq!(outcome.ok, may, "{role}: {query}: {outcome:?}");
                assert!(may || outcome.stderr.contains("denied"), "{outcome:?}");
            }
        }
        assert_eq!(scene.asked("POST", PASSWORDS).len(), 4);
        assert_eq!(scene.requests().len(), 4, "one request for each");
        scene.end().await;
    });
}

#[test]
fn a_replica_is_another_database_of_the_same_name_to_its_clients() {
    run(async {
        let scene = Scene::start().await;
        let at = async |endpoint| scene.mariadb("store-reader", endpoint, "select database()").await.stdout;
        assert_eq!(at("primary").await, "store");
        assert_eq!(at("replica").await, "store_replica");
        scene.end().await;
    });
}

#[test]
fn a_password_for_replicas_never_reaches_the_primary() {
    run(async {
        let scene = Scene::with(|config| {
            config["roles"]["store-reader"]["credential"]["replica"] = true.into();
            config["roles"]["store-writer"]["credential"]["cidrs"] = json!(["10.0.0.0/8"]);
        })
        .await;
        let found = scene.mariadb("store-reader", "primary", "select database()").await;
        assert_eq!(found.stdout, "store_replica", "{found:?}");
        let far = scene.mariadb("store-writer", "primary", "select 1").await;
        assert!(far.stderr.contains("1045"), "loopback is not in 10.0.0.0/8: {far:?}");
        scene.end().await;
    });
}

#[test]
fn without_tls_nobody_gets_in() {
    run(async {
        let scene = Scene::start().await;
        let file = scene.option_file("store-reader", "primary").await;
        let plain =
            file.replace("[client]\n", "[client]\nskip-ssl\n").replace("ssl-verify-server-cert=1\n", "");
        let plain: String =
            plain.lines().filter(|line| !line.starts_with("ssl-ca")).map(|l| format!("{l}\n")).collect();
        let outcome = mariadb(&plain, "select 1").await;
        assert!(outcome.stderr.contains("server does not allow insecure connections"), "{outcome:?}");
        scene.end().await;
    });
}
