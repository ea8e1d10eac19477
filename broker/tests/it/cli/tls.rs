//! The certificate of a running broker.

use std::time::Duration;

use dsn_broker::time::{Clock as _, SystemClock};
use reqwest::tls::TlsInfo;
use serde_json::{Value, json};
use tokio::process::Command;

use super::program::{configured, settings};
use crate::stand::{Answer, Process, run, until};

/// The certificate that a new connection sees.
async fn seen(served: &Process) -> Vec<u8> {
    let config = dsn_broker::tls::client_config(Some(&served.settings.ca_path)).unwrap();
    let client = reqwest::Client::builder().tls_backend_preconfigured(config).tls_info(true).build().unwrap();
    let answer = client.get(format!("{}/openapi.json", served.url)).send().await.unwrap();
    answer.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
}

#[test]
fn new_connections_see_a_replaced_certificate_and_old_ones_go_on() {
    run(async {
        let served = Process::ready(settings().await).await;
        let (before, client) = (seen(&served).await, served.client.clone());
        let whoami = || {
            let token = served.settings.token("app-a", SystemClock.now());
            Answer::of(client.get(format!("{}/v1/whoami", served.url)).bearer_auth(token))
        };
        whoami().await.ok();
        served.settings.world.ca().issue_to(served.settings.folder(), &["localhost"]).unwrap();
        until(async || seen(&served).await != before).await;
        whoami().await.ok();
    });
}

#[test]
fn when_the_certificate_ends_is_counted_down_to() {
    run(async {
        let served = Process::ready(settings().await).await;
        let left = async || {
            let ends = served.metric("dsn_broker_certificate_expiry_timestamp_seconds ").await.unwrap();
            Duration::try_from_secs_f64(ends - SystemClock.now().timestamp() as f64).unwrap()
        };
        let day = Duration::from_secs(86_400);
        assert!(left().await > 300 * day);
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
            .args(["-subj", "/CN=localhost", "-out", "server.crt", "-keyout", "server.key"])
            .current_dir(served.settings.folder())
            .output();
        assert!(made.await.unwrap().status.success());
        until(async || (day..=2 * day).contains(&left().await)).await;
    });
}

#[test]
fn a_broken_certificate_is_refused_and_the_one_before_it_stays() {
    run(async {
        let served = Process::ready(settings().await).await;
        let (before, lines) = (seen(&served).await, served.lines());
        std::fs::write(served.settings.folder().join("server.crt"), "not a certificate").unwrap();
        let refused = |line: &Value| line["message"].as_str().unwrap().starts_with("configuration refused");
        let line = served.said(lines, refused).await;
        assert!(line["error"].as_str().unwrap().contains("server.tls.cert: "), "{line}");
        assert_eq!(seen(&served).await, before);
    });
}

#[test]
fn plain_http_is_for_loopback_alone() {
    run(async {
        let mut settings = settings().await;
        settings.config["server"]["tls"] = Value::Null;
        settings.config["server"]["plain_http"] = json!(true);
        let served = Process::ready(settings).await;
        assert!(served.url.starts_with("http://"));
        served.get("app-a", "/v1/whoami").await.ok();

        let mut settings = served.settings.replica();
        settings.config["server"]["listen"] = json!("0.0.0.0:0");
        let ended = configured(&settings, &["serve"]).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains("0.0.0.0:0 is not a loopback address"), "{}", ended.stderr);
    });
}
