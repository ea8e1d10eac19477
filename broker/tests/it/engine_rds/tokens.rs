//! A token lets in whom it is for, where it is for, for a quarter of an hour, and nobody else.

use super::*;
use crate::stand::run;

#[test]
fn a_token_lets_in_as_its_user_and_no_further() {
    run(async {
        let open = Scene::with_key().await.open().await;
        let dsn = open.dsn("app-a").await;
        assert_eq!(query(&dsn, "select current_user, id from app.orders").await.stdout, "app_reader|7");
        let insert = query(&dsn, "insert into app.orders values (8)").await;
        assert!(insert.stderr.contains("permission denied for table orders"), "{insert:?}");

        assert_eq!((&dsn["credential"], &dsn["engine"]), (&json!("connect_token"), &json!("rds")), "{dsn}");
        assert_eq!(dsn["renewable"], false);
        let moment = |name: &str| dsn[name].as_str().unwrap().parse::<dsn_broker::time::Timestamp>().unwrap();
        let life = (moment("expires_at") - moment("issued_at")).num_milliseconds();
        assert!((890_000..=900_000).contains(&life), "{life} ms");

        // Shared by default, until half of its life is over.
        assert_eq!(open.dsn("app-a").await["parameters"]["password"], dsn["parameters"]["password"]);
        open.pass(8);
        let next = open.dsn("app-a").await;
        assert_ne!(next["parameters"]["password"], dsn["parameters"]["password"]);
        assert_eq!(query(&next, "select 1").await.stdout, "1");
        assert_eq!(open.rds.reasons(), Vec::<String>::new());
        open.close().await;
    });
}

#[test]
fn an_old_token_starts_no_session() {
    run(async {
        let open = Scene::with_key().await.open().await;
        let dsn = open.dsn("app-a").await;
        open.pass(14);
        assert_eq!(query(&dsn, "select 1").await.stdout, "1");
        open.pass(2);
        refused(&query(&dsn, "select 1").await);
        assert_eq!(open.rds.reasons(), ["it has expired"]);
        open.close().await;
    });
}

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
