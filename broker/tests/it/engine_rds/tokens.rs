//! A token lets in whom it is for, where it is for, for a quarter of an hour, and nobody else.

use super::*;
use crate::stand::run;

#[test]
fn each_endpoint_has_its_own_token() {
    run(async {
        let open = Scene::with_key().await.open().await;
        let caller = open.stand.caller("app-a");
        let path = caller.dsn_path("app-reader");
        let at = async |name: &str| caller.get(&format!("{path}&endpoint={name}")).await.ok();
        let (primary, replica) = (at("primary").await, at("replica").await);
        assert_eq!(primary["lease_id"], replica["lease_id"]);
        for dsn in [&primary, &replica] {
            assert_eq!(query(dsn, "select 1").await.stdout, "1");
        }
        let [here, there] = [&primary, &replica].map(|dsn| dsn["parameters"]["port"].to_string());
        for (dsn, from, to) in [(&primary, &here, &there), (&replica, &there, &here)] {
            // The port in the token is encoded, so this is the one to connect to.
            let text = dsn["dsn"].as_str().unwrap();
            let moved = text.replace(&format!("@localhost:{from}/"), &format!("@localhost:{to}/"));
            assert_ne!(moved, text);
            refused(&psql(&moved, "select 1").await);
            let expected = format!("it is for another place: localhost:{from}");
            assert_eq!(open.rds.reasons().last().unwrap(), &expected);
        }
        open.close().await;
    });
}

#[test]
fn a_token_that_was_changed_is_refused() {
    run(async {
        let open = Scene::with_key().await.open().await;
        let dsn = open.dsn("app-a").await;
        let token = dsn["parameters"]["password"].as_str().unwrap();
        let (head, signature) = token.rsplit_once('=').unwrap();
        let flipped: String = signature.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
        let later = head.replace("X-Amz-Expires=900", "X-Amz-Expires=899");
        for (changed, reason) in [
            (format!("{head}={flipped}"), "its signature is wrong"),
            (format!("{later}={signature}"), "its signature is wrong"),
            (token.replace("DBUser=app_reader", "DBUser=token_admin"), "its signature is wrong"),
            (token.replace(REGION, "eu-west-1"), "it is for another region: eu-west-1"),
            (head.rsplit_once('&').unwrap().0.to_owned(), "it has no signature"),
        ] {
            assert_ne!(changed, token);
            let [old, new] = [token, &changed].map(encoded);
            let text = dsn["dsn"].as_str().unwrap().replace(&old, &new);
            assert!(text.contains(&new));
            refused(&psql(&text, "select 1").await);
            assert_eq!(open.rds.reasons().last().unwrap(), reason);
        }
        open.close().await;
    });
}

#[test]
fn nobody_gets_in_as_another_user() {
    run(async {
        let mut scene = Scene::with_key().await;
        scene.settings.config["roles"]["app-reader"]["credential"]["username"] = json!("token_admin");
        let open = scene.open().await;
        let dsn = open.dsn("app-a").await;
        let outcome = query(&dsn, "select 1").await;
        assert!(outcome.stderr.contains("PAM authentication failed for user \"token_admin\""), "{outcome:?}");
        assert_eq!(open.rds.reasons(), ["its key may not connect as token_admin"]);
        open.close().await;
    });
}

/// As in a URI.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
