//! What the listener puts up with, and from whom.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::assert_problem;
use crate::stand::{Answer, Stand, run};

/// Runs `curl` against a path: the HTTP version, the TLS version is its own choice, and the status.
async fn curl(stand: &Stand, token: &str, path: &str, options: &[&str]) -> Result<String, String> {
    let output = Command::new("curl")
        .args([
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_version} %{http_code}",
            "--path-as-is",
            "--max-time",
            "20",
        ])
        .arg("--cacert")
        .arg(&stand.settings.ca_path)
        .args(["-H", &format!("Authorization: Bearer {token}")])
        .args(options)
        .arg(format!("{}{path}", stand.url))
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if output.status.success() { Ok(out) } else { Err(format!("{out} {error}")) }
}

#[test]
fn both_versions_of_http_and_of_tls_are_spoken_and_nothing_in_the_clear() {
    run(async {
        let stand = Stand::start().await;
        let token = stand.settings.token("app-orders", stand.now());
        for (options, expected) in [
            (vec!["--http1.1"], "1.1 200"),
            (vec!["--http2"], "2 200"),
            (vec!["--tlsv1.2", "--tls-max", "1.2"], "2 200"),
            (vec!["--tlsv1.3", "--http1.1"], "1.1 200"),
        ] {
            let answer = curl(&stand, &token, "/v1/whoami", &options).await;
            assert_eq!(answer.as_deref(), Ok(expected), "{options:?}");
        }
        let old =
            curl(&stand, &token, "/v1/whoami", &["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"])
                .await;
        assert!(old.is_err(), "{old:?}");
        let stranger =
            curl(&stand, &token, "/v1/whoami", &["--cacert", "/etc/ssl/certs/ca-certificates.crt"]).await;
        assert!(stranger.is_err(), "{stranger:?}");
        let clear =
            reqwest::Client::new().get(stand.url.replace("https", "http") + "/v1/whoami").send().await;
        assert!(clear.is_err(), "{clear:?}");
        stand.stop().await;
    });
}

#[test]
fn what_is_too_large_is_refused() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let large = json!({ "format": "x".repeat(1_000_000) });
        for path in ["/v1/dsn/orders-reader", "/v1/leases/00000000-0000-7000-8000-000000000000/renew"] {
            assert_problem(&caller.post(path, &large).await, "body-too-large");
        }
        let token = stand.settings.token("app-orders", stand.now());
        let folder = tempfile::tempdir().unwrap();
        for (name, size, versions) in [
            ("x-large", 100_000, ["--http1.1", "--http2"]),
            ("authorization", 1_000_000, ["--http1.1", "--http2"]),
        ] {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("{name}: Bearer {}", "x".repeat(size))).unwrap();
            for version in versions {
                let header = format!("@{}", file.display());
                let answer = curl(&stand, &token, "/v1/whoami", &[version, "-H", &header]).await;
                // A server that does not read on may be seen as a broken connection.
                let refused =
                    answer.as_ref().is_err() || answer.as_ref().is_ok_and(|text| text.ends_with(" 431"));
                assert!(refused, "{name} {version}: {answer:?}");
            }
        }
        caller.get("/v1/whoami").await.ok();
        stand.stop().await;
    });
}

#[test]
fn tricks_with_paths_and_queries_lead_nowhere() {
    run(async {
        let stand = Stand::start().await;
        let token = stand.settings.token("operator", stand.now());
        for path in [
            "//v1/whoami",
            "/v1//whoami",
            "/v1/whoami/",
            "/V1/whoami",
            "/v1/./whoami",
            "/v1/x/../whoami",
            "/v1/%2e%2e/whoami",
            "/v1/whoami%00",
            "/v1/whoami%2f",
            "/v1/dsn/",
            "/v1/dsn/a/b",
            "/v1/dsn",
            "/v1/dsn/%00",
            "/v1/dsn/%2e%2e",
            "/v1/dsn/..",
            "/v1/dsn/%ff",
            "/v1/leases/%00",
            "/v1/leases/%ff",
            "/v1/leases/x",
            "/v1/leases/..%2fwhoami",
            "/v1/databases/%00",
            "/v1/databases/%ff",
            "/v1/databases/..%2f..",
            "/v1/databases/x/ca.pem",
            "/v1/databases/%ff/ca.pem",
            "/",
            "/.git/config",
            "/metrics",
            "/healthz",
            "/readyz",
        ] {
            for version in ["--http1.1", "--http2"] {
                let answer = curl(&stand, &token, path, &[version]).await.unwrap();
                assert!(answer.ends_with(" 404") || answer.ends_with(" 403"), "{path}: {answer}");
            }
        }
        let caller = stand.caller("operator");
        for path in [
            "/v1/leases?subject=a%00b",
            "/v1/leases?subject=%1f",
            "/v1/leases?issuer=%00",
            "/v1/leases?role=%00",
            "/v1/leases?state=dead",
            "/v1/leases?cursor=x",
            "/v1/leases?limit=0",
            "/v1/leases?limit=1001",
            "/v1/leases?limit=-1",
            "/v1/leases?limit=99999999999",
            "/v1/leases?limit=1&limit=2",
            "/v1/leases?x=1",
            "/v1/leases?%00=1",
            "/v1/audit?subject=%00",
            "/v1/audit?since=yesterday",
            "/v1/audit?cursor=1",
            "/v1/audit?since=-262143-01-01T00:00:00Z",
            "/v1/audit?until=%2B262142-01-01T00:00:00Z",
            "/v1/audit?cursor=-8334601228800000000_00000000000000000000000000000000_1",
            "/v1/audit?cursor=9223372036854775807_00000000000000000000000000000000_1",
            "/v1/audit?action=lease.stolen",
            "/v1/databases/orders/ca.pem?endpoint=%00",
        ] {
            let answer = caller.get(path).await;
            assert_problem(&answer, "invalid-request");
            assert!(answer.json()["field"].is_string(), "{path}: {}", answer.text);
        }
        stand.stop().await;
    });
}

#[test]
fn a_request_keeps_its_identifier_if_it_is_a_plain_one() {
    run(async {
        let stand = Stand::start().await;
        let long = "a".repeat(64);
        for plain in ["req-1", "A_b.c-9", &long] {
            let request = stand.request(Method::GET, "/v1/whoami").header("x-request-id", plain);
            assert_eq!(Answer::of(request).await.headers["x-request-id"], plain);
        }
        for odd in ["", "a b", "a\"b", "<script>", "a/b", "ä", &"a".repeat(65)] {
            let value = reqwest::header::HeaderValue::from_bytes(odd.as_bytes()).unwrap();
            let request = stand.request(Method::GET, "/v1/whoami").header("x-request-id", value);
            let id = Answer::of(request).await.headers["x-request-id"].to_str().unwrap().to_owned();
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{odd}: {id}");
        }
        stand.stop().await;
    });
}

/// Sends this and no more; how long it takes until the other side hangs up.
async fn hung_up_after(mut stream: impl AsyncRead + AsyncWrite + Unpin, text: &[u8]) -> Duration {
    let began = tokio::time::Instant::now();
    stream.write_all(text).await.unwrap();
    stream.flush().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "it is still there after {:?}: {}", began.elapsed(), String::from_utf8_lossy(text));
    began.elapsed()
}

#[test]
fn who_says_nothing_or_too_little_is_cut_off() {
    run(async {
        let stand = Stand::with(|config| {
            config["server"]["limits"]["head_timeout"] = "300ms".into();
        })
        .await;
        let port = url::Url::parse(&stand.url).unwrap().port().unwrap();
        let tcp = async || TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let config = dsn_broker::tls::client_config(Some(&stand.settings.ca_path)).unwrap();
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        let tls = async || connector.connect("localhost".try_into().unwrap(), tcp().await).await.unwrap();
        let texts: [&[u8]; 5] = [
            b"",
            b"P",
            b"PRI * HTTP/2.0\r\n\r\nSM",
            b"GET /v1/whoami HTTP/1.1\r\n",
            b"GET /v1/whoami HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        ];
        tokio::join!(
            async { hung_up_after(tcp().await, b"").await },
            async { hung_up_after(tcp().await, b"\x16\x03\x01").await },
            async { hung_up_after(tls().await, texts[0]).await },
            async { hung_up_after(tls().await, texts[1]).await },
            async { hung_up_after(tls().await, texts[2]).await },
            async { hung_up_after(tls().await, texts[3]).await },
            async { hung_up_after(tls().await, texts[4]).await },
        );
        assert_eq!(stand.caller("app-orders").get("/v1/whoami").await.status, StatusCode::OK);
        stand.stop().await;
    });
}
