//! verify-full means it: psql itself refuses a server that is not the one.

use devstack::{Certificate, Postgres};
use serde_json::json;

use crate::stand::{Stand, psql, run, world};

#[test]
fn psql_refuses_a_server_that_is_not_the_one() {
    run(async {
        let ca = world().await.ca();
        let start = |certificate| Postgres::builder().ca(ca).certificate(certificate).durable(false).start();
        let (wrong, untrusted, plain) = tokio::try_join!(
            start(Certificate::WrongName),
            start(Certificate::Untrusted),
            start(Certificate::None)
        )
        .unwrap();
        let servers = [
            ("wrong", &wrong, "does not match host name"),
            ("untrusted", &untrusted, "certificate verify failed"),
            ("plain", &plain, "server does not support SSL"),
        ];
        let stand = Stand::with(|config| {
            for (name, server, _) in &servers {
                config["databases"]["orders"]["endpoints"][name] =
                    json!({ "host": server.host(), "port": server.port() });
            }
        })
        .await;
        let caller = stand.caller("app-orders");
        let path = caller.dsn_path("orders-reader");
        for format in ["uri", "keyword"] {
            for (name, server, words) in &servers {
                let answer = caller.get(&format!("{path}&endpoint={name}&format={format}")).await.ok();
                assert_eq!(answer["parameters"]["port"], server.port());
                let refused = psql(answer["dsn"].as_str().unwrap(), "select 1").await;
                assert!(!refused.ok && refused.stderr.contains(words), "{name}: {}", refused.stderr);
            }
            let answer = caller.get(&format!("{path}&format={format}")).await.ok();
            assert_eq!(psql(answer["dsn"].as_str().unwrap(), "select 1").await.stdout, "1");
        }
        stand.stop().await;
        for (_, server, _) in servers {
            server.end().await.unwrap();
        }
    });
}
