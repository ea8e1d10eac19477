//! A token lets in whom it is for, where it is for, for a quarter of an hour, over verified TLS, and nobody else.

use super::*;
use crate::http::assert_invalid;
use crate::stand::run;

#[test]
fn a_token_is_shown_in_clear_text_over_tls_alone() {
    run(async {
        let open = Scene::new(&[READER]).await.open().await;
        let dsn = open.dsn("app-a", "primary").await;
        assert_eq!(query(&dsn, "select current_user(), id from orders").await.stdout, "app_reader@%\t7");
        assert_eq!(dsn["parameters"]["enable-cleartext-plugin"], true);
        let mut session = connect(&dsn).await.unwrap();
        let cipher = "select variable_value from information_schema.session_status where variable_name = 'Ssl_version'";
        let cipher: String = sqlx::query_scalar(cipher).fetch_one(&mut session).await.unwrap();
        assert!(cipher.starts_with("TLS"), "{cipher}");
        let error = options(&dsn).enable_cleartext_plugin(false).connect().await.unwrap_err().to_string();
        assert!(error.contains("mysql_cleartext_plugin disabled"), "{error}");
        assert_eq!(open.rds.reasons(), Vec::<String>::new());
        open.close().await;
    });
}

#[test]
fn formats_that_cannot_say_how_it_is_shown_are_refused() {
    run(async {
        let open = Scene::new(&[READER]).await.open().await;
        let caller = open.stand.caller("app-a");
        let roles = caller.get("/v1/roles").await.ok();
        let role =
            roles["roles"].as_array().unwrap().iter().find(|role| role["role"] == "app-reader").unwrap();
        let names: Vec<_> =
            role["formats"].as_array().unwrap().iter().map(|format| &format["name"]).collect();
        assert_eq!(names[0], "my-cnf", "the default");
        assert!(!names.iter().any(|name| ["uri", "dotenv"].contains(&name.as_str().unwrap())), "{names:?}");
        for format in ["uri", "dotenv"] {
            let answer = caller.get(&format!("{}&format={format}", caller.dsn_path("app-reader"))).await;
            assert_invalid(&answer, "format", "or use `my-cnf`");
        }
        let json = caller.get(&format!("{}&format=json", caller.dsn_path("app-reader"))).await.ok();
        let said: Value = serde_json::from_str(json["dsn"].as_str().unwrap()).unwrap();
        assert_eq!(said["enable-cleartext-plugin"], true);
        open.close().await;
    });
}

#[test]
fn a_token_is_for_its_endpoint_and_as_it_was_signed() {
    run(async {
        let open = Scene::new(&[READER]).await.open().await;
        let (primary, replica) = (open.dsn("app-a", "primary").await, open.dsn("app-a", "replica").await);
        for dsn in [&primary, &replica] {
            assert_eq!(query(dsn, "select 1").await.stdout, "1");
        }
        let [here, there] = [&primary, &replica].map(|dsn| dsn["parameters"]["port"].to_string());
        let text = primary["dsn"].as_str().unwrap();
        let token = primary["parameters"]["password"].as_str().unwrap();
        let (head, signature) = token.rsplit_once('=').unwrap();
        let flipped: String = signature.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
        for (changed, reason) in [
            (
                text.replace(&format!("port=\"{here}\""), &format!("port=\"{there}\"")),
                format!("it is for another place: localhost:{here}"),
            ),
            (text.replace(token, &format!("{head}={flipped}")), "its signature is wrong".to_owned()),
            (text.replace("DBUser=app_reader", "DBUser=token_admin"), "its signature is wrong".to_owned()),
            (text.replace(REGION, "eu-west-1"), "it is for another region: eu-west-1".to_owned()),
        ] {
            assert_ne!(changed, text);
            refused(&mariadb_client(&changed, "select 1").await);
            assert_eq!(open.rds.reasons().last(), Some(&reason));
        }
        open.close().await;
    });
}

#[test]
fn a_key_and_a_region_must_be_those_of_the_server() {
    run(async {
        for (region, users, reason) in [
            ("eu-west-1", [READER], "it is for another region: eu-west-1"),
            (REGION, ["token_admin"], "its key may not connect as app_reader"),
        ] {
            let mut scene = Scene::new(&users).await;
            scene.settings.config["databases"]["app"]["rds"]["region"] = json!(region);
            let open = scene.open().await;
            refused(&query(&open.dsn("app-a", "primary").await, "select 1").await);
            assert_eq!(open.rds.reasons(), [reason]);
            open.close().await;
        }
    });
}

#[test]
fn a_token_is_shown_to_nobody_but_the_server_that_is_meant() {
    run(async {
        let open = Scene::new(&[READER]).await.open().await;
        let dsn = open.dsn("app-a", "primary").await;
        let text = dsn["dsn"].as_str().unwrap();
        let nameless = text.replace("host=\"localhost\"", "host=\"127.0.0.1\"");
        let said = mariadb_client(&nameless, "select 1").await;
        assert!(said.stderr.contains("Validation of SSL server certificate failed"), "{said:?}");
        let plain = text.replace("ssl-verify-server-cert=1", "ssl-verify-server-cert=0\nssl=0");
        let plain: String = plain
            .lines()
            .filter(|line| !line.starts_with("ssl-ca"))
            .map(|line| format!("{line}\n"))
            .collect();
        let said = mariadb_client(&plain, "select 1").await;
        assert!(said.stderr.contains("ERROR 3159 (HY000): Connections using insecure transport"), "{said:?}");
        assert_eq!((open.rds.primary.opened(), open.rds.reasons()), (0, Vec::new()));
        open.close().await;
    });
}
