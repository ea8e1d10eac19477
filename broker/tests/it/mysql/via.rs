//! A proxy in front of an endpoint: clients go through it, the broker does not, and what is weaker is said.

use std::sync::Arc;
use std::sync::Mutex;

use devstack::mysql_edge::{Backend, Opening, Route};
use devstack::{Certificate, Link, MariaDb, MysqlEdge};
use serde_json::json;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::{Connection as _, MySqlConnection};

use super::{settings, text};
use crate::stand::mariadb::{mariadb_client, prepare};
use crate::stand::{Stand, psql, run, world};

const WHY: &str = "its certificate has no name";

#[test]
fn a_proxy_on_the_clients_own_machine_may_be_without_tls() {
    run(async {
        let (mut settings, server) = settings().await;
        let seen = Arc::new(Mutex::new(Vec::<String>::new()));
        let (backend, users) = (Backend::of(server).unwrap(), Arc::clone(&seen));
        let edge = MysqlEdge::plain(backend.clone(), move |opening: &Opening| {
            users.lock().unwrap().push(opening.user.clone());
            let (user, database) = (opening.user.clone(), opening.database.clone());
            Route::To { backend: backend.clone(), user, database, password: None }
        })
        .await
        .unwrap();
        settings.config["databases"]["shop"]["endpoints"]["primary"]["via"] =
            json!({ "host": "127.0.0.1", "port": edge.port(), "plaintext": true });
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-shop");
        let answer = caller.get("/v1/dsn/shop-writer").await.ok();
        let parameters = &answer["parameters"];
        assert_eq!(parameters["host"], "127.0.0.1");
        assert_eq!((&parameters["port"], &parameters["ssl-mode"]), (&json!(edge.port()), &json!("DISABLED")));
        assert_eq!(answer["ca_pem"], json!(null));
        let mut session = MySqlConnection::connect(text(&answer["dsn"])).await.unwrap();
        sqlx::raw_sql("select * from items").execute(&mut session).await.unwrap();
        let file = caller.get_as("/v1/dsn/shop-writer?format=my-cnf", "text/plain").await.text;
        let said = mariadb_client(&file, "select 1").await;
        assert_eq!(said.stdout, "1", "{}", said.stderr);
        let user = text(&parameters["user"]);
        assert!(
            seen.lock().unwrap().iter().all(|seen| seen == user),
            "the broker itself does not go through it"
        );
        let told = "select distinct detail::json ->> 'for' from audit_events where action = 'lease.delivered' order by 1";
        assert_eq!(stand.at_ledger(told).await, "my-cnf primary plaintext\nuri primary plaintext");
        let warning = stand.app.current.load().config.warnings().iter().any(|warning| {
            warning.key == "databases.shop.endpoints.primary.via.plaintext"
                && warning.message.contains("no TLS")
        });
        assert!(warning, "`check` says so");
        let ca = caller.get("/v1/databases/shop/ca.pem").await;
        assert!(ca.status == 404 && ca.text.contains("without TLS"), "{}", ca.text);

        // What the proxy is told is about the server behind it, and without any secret.
        let path = "/v1/dsn/shop-writer?format=querycop-env&ca_file=/etc/ssl/ca.pem";
        let answer = caller.get(path).await.ok();
        let expected = format!(
            "GATEKEEPER_BACKEND_HOST=localhost\nGATEKEEPER_BACKEND_PORT={}\nGATEKEEPER_BACKEND_TLS_MODE=verify-full\n\
             GATEKEEPER_BACKEND_TLS_CA_FILE=/etc/ssl/ca.pem\nGATEKEEPER_BACKEND_TLS_SERVER_NAME=localhost\n",
            server.port()
        );
        assert_eq!(text(&answer["dsn"]), expected);
        assert_eq!(answer["ca_pem"], std::fs::read_to_string(&stand.settings.ca_path).unwrap());
        assert!(answer["parameters"].get("password").is_none() && answer["parameters"].get("user").is_none());
        stand.stop().await;
    });
}

#[test]
fn a_proxy_with_a_certificate_is_verified_by_its_own_ca() {
    run(async {
        let (mut settings, _) = settings().await;
        let orders = settings.world.orders();
        // The way leads on to the same server: so its certificate is the proxy's too.
        let link = Link::to(orders.port()).await.unwrap();
        let other = devstack::Ca::generate().unwrap();
        std::fs::create_dir(settings.folder().join("other")).unwrap();
        let other_ca = other.write_to(&settings.folder().join("other")).unwrap();
        let endpoints = &mut settings.config["databases"]["orders"]["endpoints"];
        endpoints["proxied"] = endpoints["primary"].clone();
        endpoints["proxied"]["via"] = json!({ "host": "localhost", "port": link.port() });
        endpoints["foreign"] = endpoints["proxied"].clone();
        endpoints["foreign"]["via"]["tls"] = json!({ "ca": { "file": other_ca } });
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-orders");
        let path = caller.dsn_path("orders-reader");
        let answer = caller.get(&format!("{path}&endpoint=proxied")).await.ok();
        assert_eq!(answer["parameters"]["port"], link.port());
        let said = psql(text(&answer["dsn"]), "select current_user").await;
        assert_eq!(said.stdout, text(&answer["parameters"]["user"]), "{}", said.stderr);

        let foreign = caller.get(&format!("{path}&endpoint=foreign")).await.ok();
        assert_eq!(foreign["ca_pem"], other.pem());
        let ca = caller.get("/v1/databases/orders/ca.pem?endpoint=foreign").await;
        assert_eq!(ca.text, other.pem());
        let dsn = text(&foreign["dsn"]).replace(&encoded(&stand.settings.ca_path), &encoded(&other_ca));
        let said = psql(&dsn, "select 1").await;
        assert!(!said.ok && said.stderr.contains("certificate verify failed"), "{}", said.stderr);
        stand.stop().await;
    });
}

fn encoded(path: &std::path::Path) -> String {
    path.to_str().unwrap().replace('/', "%2F")
}

#[test]
fn a_server_whose_name_is_not_verified_is_reported_everywhere() {
    run(async {
        let (mut settings, server) = settings().await;
        let nameless = MariaDb::builder().ca(world().await.ca()).certificate(Certificate::WrongName);
        let nameless = nameless.durable(false).start().await.unwrap();
        prepare(&nameless).await;
        settings.config["databases"]["shop"]["endpoints"]["primary"] =
            json!({ "host": nameless.host(), "port": nameless.port() });
        settings.config["databases"]["shop"]["endpoints"]["primary"]["tls"] =
            json!({ "mode": "verify-ca", "because": WHY });
        let stand = Stand::on(settings).await;
        let caller = stand.caller("app-shop");
        let answer = caller.dsn("shop-writer").await;
        assert_eq!(answer["parameters"]["ssl-mode"], "VERIFY_CA");
        let parameters = &answer["parameters"];
        let options = MySqlConnectOptions::new()
            .host(nameless.host())
            .port(nameless.port())
            .username(text(&parameters["user"]))
            .password(text(&parameters["password"]))
            .ssl_ca(text(&parameters["ssl-ca"]));
        let as_told = options.clone().ssl_mode(MySqlSslMode::VerifyCa);
        MySqlConnection::connect_with(&as_told).await.unwrap();
        let strict = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        let error = MySqlConnection::connect_with(&strict).await.unwrap_err().to_string();
        assert!(error.contains("not valid for name"), "{error}");
        let refused = caller.get(&format!("{}&format=my-cnf", caller.dsn_path("shop-writer"))).await;
        assert!(refused.status == 400 && refused.text.contains("all or nothing"), "{}", refused.text);
        let refused = caller.get(&format!("{}&format=uri", caller.dsn_path("shop-writer"))).await;
        assert!(refused.status == 400 && refused.text.contains("anybody's certificate"), "{}", refused.text);
        let told =
            "select distinct detail::json ->> 'for' from audit_events where action = 'lease.delivered'";
        assert_eq!(stand.at_ledger(told).await, "json primary verify-ca");
        let current = stand.app.current.load();
        let warned = current.config.warnings().iter().find(|warning| warning.message.contains(WHY)).unwrap();
        assert_eq!(warned.key, "databases.shop.endpoints.primary.tls.mode");
        assert_ne!(server.port(), nameless.port());
        stand.stop().await;
        nameless.end().await.unwrap();
    });
}
