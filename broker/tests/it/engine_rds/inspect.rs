//! What `check --live` and an operator get to know of it.

use super::*;
use crate::stand::{role, run};

/// What `dsn-broker check --live` says of the database, and whether it was content.
pub(super) async fn check(settings: &Settings) -> (bool, String) {
    settings.migrate().await;
    settings.write();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_dsn-broker"))
        .args(["check", "--live"])
        .env("DSN_BROKER_CONFIG", settings.file())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    record::said("program", &said);
    (output.status.success(), said)
}

#[test]
fn without_a_user_of_its_own_it_logs_in_as_the_role() {
    run(async {
        let scene = Scene::with_key().await;
        let (content, said) = check(&scene.settings).await;
        assert!(content, "{said}");
        for expected in [
            "database app\n  is there: a server at Amazon RDS",
            "; AWS credentials AKIA",
            " role app-reader\n  can all that these roles can do: app_reader, rds_iam\n  can schema app: select on 1 table\n",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        assert_eq!(scene.rds.reasons(), Vec::<String>::new());
        scene.server.end().await.unwrap();
    });
}

#[test]
fn a_wrong_key_is_a_mistake() {
    run(async {
        let mut scene = Scene::with_key().await;
        let wrong = "wrong/key+that/is-not-the-one-of-AWS";
        let reference = scene.settings.secret("wrong", wrong);
        let credentials = &mut scene.settings.config["databases"]["app"]["rds"]["credentials"];
        credentials["static"]["secret_access_key"] = reference;
        let (content, said) = check(&scene.settings).await;
        assert!(!content);
        for endpoint in ["primary", "replica"] {
            let expected =
                format!("\"app_reader\" cannot log in with a token through the endpoint `{endpoint}`: ");
            assert!(said.contains(&expected), "{said}");
        }
        for expected in ["PAM authentication failed", "rds-db:connect", "cannot be told without `admin`"] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        assert!(!said.contains(wrong), "{said}");
        assert_eq!(scene.rds.reasons(), ["its signature is wrong"; 2]);
        scene.server.end().await.unwrap();
    });
}

#[test]
fn with_a_user_of_its_own_it_says_what_the_user_lacks() {
    run(async {
        let mut scene = Scene::with_key().await;
        let password = scene.settings.secret("rds-admin", ADMIN_PASSWORD);
        let admin = json!({ "username": "broker_admin", "password": password });
        scene.settings.config["databases"]["app"]["admin"] = admin;
        scene
            .server
            .execute("postgres", "revoke rds_iam from app_reader; alter role app_reader nologin")
            .await
            .unwrap();
        for expected in ["ALTER ROLE \"app_reader\" LOGIN;", "GRANT rds_iam TO \"app_reader\";"] {
            let (content, said) = check(&scene.settings).await;
            assert!(!content && said.contains(expected), "{said}");
            scene.server.execute("postgres", expected).await.unwrap();
        }
        let (content, said) = check(&scene.settings).await;
        assert!(content && said.contains("is there: PostgreSQL "), "{said}");

        scene.settings.config["roles"]["app-reader"]["credential"]["username"] = json!("nobody");
        let (content, said) = check(&scene.settings).await;
        assert!(!content && said.contains("CREATE ROLE \"nobody\" LOGIN IN ROLE rds_iam;"), "{said}");
        scene.server.end().await.unwrap();
    });
}

#[test]
fn a_group_whose_members_need_tokens_is_a_mistake_for_users_with_passwords() {
    run(async {
        let mut scene = Scene::with_key().await;
        let password = scene.settings.secret("rds-admin", ADMIN_PASSWORD);
        let admin = json!({ "username": "broker_admin", "password": password });
        scene.settings.config["databases"]["app"]["admin"] = admin;
        let mut reader = role("workload");
        (reader["database"], reader["credential"]["member_of"]) = (json!("app"), json!(["app_ro"]));
        scene.settings.config["roles"]["app-reader"] = reader;
        scene.server.execute("postgres", "grant rds_iam to app_ro").await.unwrap();
        let (content, said) = check(&scene.settings).await;
        assert!(!content && said.contains("REVOKE rds_iam FROM \"app_ro\";"), "{said}");
        scene.server.execute("postgres", "revoke rds_iam from app_ro").await.unwrap();
        let (content, said) = check(&scene.settings).await;
        assert!(content, "{said}");
        scene.server.end().await.unwrap();
    });
}
