//! Formats and drivers that are refused: why, and what to ask for instead.

use dsn_broker::dsn::{self, Format};
use dsn_broker::model::Protocol;
use serde_json::json;

use super::assert_invalid;
use crate::mysql;
use crate::stand::{Stand, run};

#[test]
fn a_driver_that_takes_addresses_for_localhost_is_told_none() {
    run(async {
        let (mut settings, _) = mysql::settings().await;
        for database in ["orders", "shop"] {
            let endpoints = &mut settings.config["databases"][database]["endpoints"];
            endpoints["address"] = endpoints["primary"].clone();
            endpoints["address"]["host"] = json!("127.0.0.1");
        }
        let stand = Stand::on(settings).await;
        for (protocol, subject, role) in [
            (Protocol::Postgres, "app-orders", "orders-reader"),
            (Protocol::Mysql, "app-shop", "shop-writer"),
        ] {
            let caller = stand.caller(subject);
            for format in Format::for_protocol(protocol) {
                let path = format!("{}&format={format}", caller.dsn_path(role));
                if caller.get(&path).await.status != 200 {
                    continue; // It is refused for something else, whatever the host.
                }
                let answer = caller.get(&format!("{path}&endpoint=address")).await;
                if format.reader(protocol).unwrap().addresses {
                    answer.ok();
                    continue;
                }
                let words = format!("the format `{format}` is for a driver that looks for `localhost`");
                assert_invalid(&answer, "format", &words);
                let detail = answer.json()["detail"].as_str().unwrap().to_owned();
                let (_, nearest) = detail.rsplit_once("or use `").unwrap();
                let nearest: Format = nearest.trim_end_matches('`').parse().unwrap();
                assert!(nearest.reader(protocol).unwrap().addresses, "{detail}");
                caller
                    .get(&format!("{}&format={nearest}&endpoint=address", caller.dsn_path(role)))
                    .await
                    .ok();
            }
        }
        stand.stop().await;
    });
}

#[test]
fn a_driver_that_cannot_verify_is_refused_with_what_to_use() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let page = dsn::page();
        let refused = page.split_once("## Not offered").map_or("", |(_, list)| list);
        let lines = refused.lines().filter_map(|line| line.strip_prefix("- `"));
        for (name, rest) in lines.map(|line| line.split_once("`: ").unwrap()) {
            let (why, instead) = rest.rsplit_once(". Use `").unwrap();
            let instead: Format = instead.trim_end_matches("`.").parse().unwrap();
            let answer = caller.get(&format!("{}&format={name}", caller.dsn_path("orders-reader"))).await;
            let words = format!("`{name}` is not offered: {why}. Use `{instead}` instead");
            assert_invalid(&answer, "format", &words);
        }
        stand.stop().await;
    });
}
