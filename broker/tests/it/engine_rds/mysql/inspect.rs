//! What `check --live` says of it.

use super::*;
use crate::engine_rds::inspect::check;
use crate::stand::run;

#[test]
fn without_a_user_of_its_own_it_logs_in_as_the_role() {
    run(async {
        let mut scene = Scene::new(&[READER]).await;
        let (content, said) = check(&scene.settings).await;
        assert!(content, "{said}");
        for expected in ["a server at Amazon RDS", "; AWS credentials AKIA", "  can select on shop.orders\n"]
        {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        let wrong = scene.settings.secret("wrong", "wrong/key+that/is-not-the-one-of-AWS");
        let credentials = &mut scene.settings.config["databases"]["app"]["rds"]["credentials"];
        credentials["static"]["secret_access_key"] = wrong;
        let (content, said) = check(&scene.settings).await;
        for expected in [
            "through the endpoint `primary`: ",
            "through the endpoint `replica`: ",
            "identified with AWSAuthenticationPlugin",
        ] {
            assert!(!content && said.contains(expected), "{expected}\n{said}");
        }
        assert_eq!(scene.rds.reasons(), ["its signature is wrong"; 2]);
        scene.server.end().await.unwrap();
    });
}

#[test]
fn with_a_user_of_its_own_it_says_what_is_missing() {
    run(async {
        let mut scene = Scene::with_admin().await;
        scene.server.execute("", "CREATE USER plain IDENTIFIED BY 'x' REQUIRE SSL").await.unwrap();
        for (username, expected) in [
            (
                "nobody",
                "CREATE USER `nobody`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;",
            ),
            ("plain", "ALTER USER `plain`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL;"),
        ] {
            scene.settings.config["roles"]["app-reader"]["credential"]["username"] = json!(username);
            let (content, said) = check(&scene.settings).await;
            assert!(!content && said.contains(expected), "{said}");
        }
        scene.settings.config["roles"]["app-reader"]["credential"]["username"] = json!(READER);
        let (content, said) = check(&scene.settings).await;
        assert!(content && said.contains("is there: MariaDB "), "{said}");

        scene.settings.config["roles"]["app-reader"]["credential"] = json!({
            "kind": "dynamic_user", "privileges": [{ "on": "shop.orders", "can": ["select"] }],
        });
        let grant = "GRANT EXECUTE ON PROCEDURE mysql.rds_kill TO `broker_admin`@`%`;";
        scene.server.execute("", &grant.replace("GRANT", "REVOKE").replace(" TO ", " FROM ")).await.unwrap();
        let (content, said) = check(&scene.settings).await;
        assert!(!content && said.contains(grant), "{said}");
        scene.server.execute("", grant).await.unwrap();
        let (content, said) = check(&scene.settings).await;
        assert!(content, "{said}");
        scene.server.end().await.unwrap();
    });
}

#[test]
fn an_admin_whose_password_is_a_token_says_so() {
    run(async {
        let mut scene = Scene::with_admin().await;
        scene.settings.config["databases"]["app"]["admin"]["username"] = json!("token_admin");
        let (content, said) = check(&scene.settings).await;
        assert!(!content && said.contains("as it does for users that log in with a token"), "{said}");
        assert_eq!(scene.rds.reasons(), Vec::<String>::new(), "it was not shown");
        scene.server.end().await.unwrap();
    });
}
