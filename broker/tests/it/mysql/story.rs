//! A token goes in, a DSN that two drivers verify comes out, and its sessions end with the lease.

use std::collections::BTreeSet;

use sqlx::{Connection as _, MySqlConnection};

use super::{settings, text, users};
use crate::http::assert_invalid;
use crate::stand::mariadb::mariadb_client;
use crate::stand::{Stand, run};

const WHO: &str = "select current_user(); insert into items values (1); select count(*) > 0 from items";

#[test]
fn a_token_becomes_sessions_that_end_with_their_lease() {
    run(async {
        let (settings, server) = settings().await;
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-shop");
        let answer = caller.dsn("shop-writer").await;
        assert_eq!((text(&answer["engine"]), text(&answer["format"])), ("mysql", "uri"));
        let parameters = &answer["parameters"];
        assert_eq!(text(&parameters["ssl-mode"]), "VERIFY_IDENTITY");
        assert!(text(&answer["dsn"]).starts_with("mysql://"));
        let user = text(&parameters["user"]).to_owned();
        let mut session = MySqlConnection::connect(text(&answer["dsn"])).await.unwrap();
        let (who, cipher): (String, String) =
            sqlx::query_as("select current_user(), variable_value from information_schema.session_status where variable_name = 'SSL_VERSION'")
                .fetch_one(&mut session)
                .await
                .unwrap();
        assert_eq!((who.as_str(), cipher.starts_with("TLS")), (&*format!("{user}@%"), true));

        let file = caller
            .get_as(&format!("{}&format=my-cnf", caller.dsn_path("shop-writer")), "text/plain")
            .await
            .text;
        let said = mariadb_client(&file, WHO).await;
        assert_eq!(said.stdout, format!("{user}@%\n1"), "{}", said.stderr);
        for denied in ["select * from orders", "delete from items", "create table x (i int)"] {
            let said = mariadb_client(&file, denied).await;
            assert!(!said.ok && said.stderr.contains("command denied"), "{denied}: {}", said.stderr);
        }
        let wrong = file.replace("host=\"localhost\"", "host=\"127.0.0.2\"");
        assert_ne!(wrong, file);
        let said = mariadb_client(&wrong, WHO).await;
        assert!(
            !said.ok && said.stderr.contains("ERROR 20"),
            "another name is not verified: {}",
            said.stderr
        );

        let lease = format!("/v1/leases/{}", text(&answer["lease_id"]));
        assert_eq!(caller.delete(&lease).await.ok()["state"], "revoked");
        assert!(session.ping().await.is_err(), "its session has ended");
        let said = mariadb_client(&file, WHO).await;
        assert!(!said.ok && said.stderr.contains("ERROR 1045"), "{}", said.stderr);
        assert_eq!(users(&stand, server).await, [""; 0]);
        stand.stop().await;
    });
}

#[test]
fn each_format_is_for_databases_that_speak_it() {
    run(async {
        let stand = Stand::on(settings().await.0).await;
        let caller = stand.caller("app-shop");
        let roles = caller.get("/v1/roles").await.ok();
        let formats = |role: &str| -> BTreeSet<String> {
            let found =
                roles["roles"].as_array().unwrap().iter().find(|found| found["role"] == role).unwrap();
            let formats = found["formats"].as_array().unwrap().iter();
            formats.map(|format| text(&format["name"]).to_owned()).collect()
        };
        let (mysql, postgres) = (formats("shop-writer"), formats("orders-reader"));
        for both in ["uri", "dotenv", "shell", "json", "querycop-env"] {
            assert!(mysql.contains(both) && postgres.contains(both), "{both}");
        }
        for (role, own, others) in [("shop-writer", &mysql, &postgres), ("orders-reader", &postgres, &mysql)]
        {
            for format in own {
                // One of them takes no PEM.
                let ca = if format == "connector-j" { "ca.p12" } else { "ca.pem" };
                let path = caller.dsn_path(role).replace("ca.pem", ca);
                let answer = caller.get(&format!("{path}&format={format}")).await;
                // Some take the host `localhost` for a socket.
                match answer.text.contains("take this host for something else") {
                    true => assert_invalid(&answer, "format", "or use `"),
                    false => drop(answer.ok()),
                }
            }
            for format in others.difference(own) {
                let answer = caller.get(&format!("{}&format={format}", caller.dsn_path(role))).await;
                assert_invalid(&answer, "format", "use one of");
                let named = answer.text.split("use one of ").nth(1).unwrap().split('"').next().unwrap();
                assert!(named.split(", ").all(|named| own.contains(named)), "{}", answer.text);
            }
        }
        stand.stop().await;
    });
}

#[test]
fn an_operator_sees_what_roles_can_do() {
    run(async {
        let stand = Stand::on(settings().await.0).await;
        let shown = stand.caller("operator").get("/v1/databases/shop").await.ok();
        assert!(text(&shown["server"]["version"]).starts_with("MariaDB "), "{shown}");
        let role = &shown["roles"]["shop-writer"];
        assert_eq!(role["can"], serde_json::json!(["select, insert on shop.items"]));
        assert_eq!((&role["mistakes"], &role["warnings"]), (&serde_json::json!([]), &serde_json::json!([])));
        stand.stop().await;
    });
}
