//! Heads and bodies that no client library sends.

use super::assert_problem;
use crate::stand::{Heard, Stand, Wire, log, run};

/// A request of HTTP/1.1 for `target`, with these lines (each with its end) in its head and this body.
fn request(stand: &Stand, start: &str, lines: &str, body: &str) -> String {
    let token = stand.settings.token("app-orders", stand.now());
    format!("{start} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n{lines}\r\n{body}")
}

async fn exchange(stand: &Stand, text: &str) -> Heard {
    Wire::exchange(&stand.settings, &stand.url, text.as_bytes()).await
}

#[test]
fn heads_that_are_not_http_are_refused_and_nothing_behind_them_is_read() {
    run(async {
        let stand = Stand::start().await;
        let hidden = request(&stand, "GET /v1/whoami", "connection: close\r\n", "");
        let post = "POST /v1/dsn/orders-reader";
        let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
        let long = format!("x-long: {}\r\n", "y".repeat(100_000));
        let cases = [
            ("two lengths", post, "content-length: 2\r\ncontent-length: 40\r\n", 400),
            ("a length of two numbers", post, "content-length: 2, 40\r\n", 400),
            ("a signed length", post, "content-length: +2\r\n", 400),
            ("a negative length", post, "content-length: -1\r\n", 400),
            ("a length in hexadecimal", post, "content-length: 0x2\r\n", 400),
            ("a length that is too large", post, "content-length: 99999999999999999999\r\n", 400),
            ("an unknown encoding", post, "transfer-encoding: identity\r\n", 400),
            ("chunked, and then not", post, "transfer-encoding: chunked, identity\r\n", 400),
            ("chunked in disguise", post, "transfer-encoding: xchunked\r\n", 400),
            ("a folded line", "GET /v1/whoami", "x-a: b\r\n c: d\r\n", 400),
            ("a folded length", post, "transfer-encoding:\r\n chunked\r\n", 400),
            ("a blank before the colon", post, "content-length : 2\r\n", 400),
            ("a line without a name", "GET /v1/whoami", ": x\r\n", 400),
            ("a line without a colon", "GET /v1/whoami", "nonsense\r\n", 400),
            ("NUL in a value", "GET /v1/whoami", "x-a: b\0c\r\n", 400),
            ("a bare CR", "GET /v1/whoami", "x-a: b\rc: d\r\n", 400),
            ("a blank in the path", "GET /v1/who ami", "", 400),
            ("control characters in the path", "GET /v1/\x01whoami", "", 400),
            ("no path", "GET", "", 400),
            ("an odd method", "G\x00T /v1/whoami", "", 400),
            ("two hundred lines", "GET /v1/whoami", &many, 431),
            ("a line of 100 kB", "GET /v1/whoami", &long, 431),
        ];
        for (name, start, lines, status) in cases {
            let heard = exchange(&stand, &request(&stand, start, lines, &hidden)).await;
            assert_eq!((heard.status, heard.answers()), (Some(status), 1), "{name}: {}", heard.text);
        }
        for (name, text) in [
            ("no HTTP", "\r\n\r\n\r\n\x16\x03\x01 nonsense\r\n\r\n"),
            ("HTTP/0.9", "GET /v1/whoami\r\n\r\n"),
            ("HTTP/1.2", "GET /v1/whoami HTTP/1.2\r\n\r\n"),
            ("HTTP/2 as text", "GET /v1/whoami HTTP/2.0\r\n\r\n"),
        ] {
            let heard = exchange(&stand, text).await;
            assert!(heard.answers() <= 1 && !heard.text.contains("200 OK"), "{name}: {}", heard.text);
        }
        stand.caller("app-orders").get("/v1/whoami").await.ok();
        stand.stop().await;
    });
}

#[test]
fn where_a_body_ends_is_read_in_one_way() {
    run(async {
        let stand = Stand::start().await;
        let close = "connection: close\r\n";
        let hidden = request(&stand, "GET /v1/roles", close, "");
        let post = "POST /v1/dsn/orders-unbound";
        // Chunked wins over a length, and then the connection ends (RFC 9112 §6.1): what follows is nobody's request.
        for lines in [
            format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", hidden.len() + 5),
            format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", hidden.len() + 5),
        ] {
            let heard = exchange(&stand, &request(&stand, post, &lines, &format!("0\r\n\r\n{hidden}"))).await;
            assert_eq!((heard.status, heard.answers()), (Some(403), 1), "{}", heard.text);
        }
        // A length covers what looks like another request.
        let lines = format!("content-length: {}\r\n{close}", hidden.len());
        let heard = exchange(&stand, &request(&stand, "POST /v1/dsn/orders-reader", &lines, &hidden)).await;
        assert_eq!((heard.status, heard.answers()), (Some(400), 1), "{}", heard.text);
        assert!(heard.text.contains("/problems/invalid-request"), "{}", heard.text);
        // HTTP/1.0 knows no chunks.
        let old = request(&stand, post, "transfer-encoding: chunked\r\n", &format!("0\r\n\r\n{hidden}"));
        let heard = exchange(&stand, &old.replacen("HTTP/1.1", "HTTP/1.0", 1)).await;
        assert!(heard.status != Some(200) && heard.answers() <= 1, "{}", heard.text);
        let reader = "POST /v1/dsn/orders-reader";
        for chunks in [
            "zz\r\n{}\r\n0\r\n\r\n",
            "-1\r\n{}\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\n{}",
            "2\r\n{}{}\r\n0\r\n\r\n",
            &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(100_000)),
            &format!("0\r\n{}\r\n", "x-trailer: y\r\n".repeat(10_000)),
        ] {
            let lines = format!("transfer-encoding: chunked\r\n{close}");
            let heard = exchange(&stand, &request(&stand, reader, &lines, chunks)).await;
            assert!(matches!(heard.status, Some(400)), "{:.40}: {}", chunks, heard.text);
            assert!(heard.text.contains("/problems/invalid-request"), "{:.40}: {}", chunks, heard.text);
        }
        stand.stop().await;
    });
}

#[test]
fn other_forms_of_targets_and_other_methods_lead_nowhere_else() {
    run(async {
        let stand = Stand::start().await;
        let close = "connection: close\r\n";
        for (start, status) in [
            // Absolute, as to a proxy: a server must take it, and the path alone counts.
            ("GET https://attacker.example/v1/whoami", 200),
            ("GET http://localhost:1/v1/dsn/orders-unbound", 403),
            ("GET http://169.254.169.254/latest/meta-data", 404),
            ("GET https://user:password@localhost/v1/nothing", 404),
            ("CONNECT localhost:5432", 404),
            ("CONNECT /v1/whoami", 405),
            ("OPTIONS *", 404),
            ("GET *", 404),
            ("TRACE /v1/whoami", 405),
            ("PRI /v1/whoami", 405),
            ("get /v1/whoami", 405),
            ("QUERY /v1/whoami", 405),
            ("GET /v1/whoami;jsessionid=x", 404),
            ("GET /v1;x/whoami", 404),
            ("GET /v1\\whoami", 404),
            ("GET /v1/whoami?\u{1f}", 400),
        ] {
            let heard = exchange(&stand, &request(&stand, start, close, "")).await;
            assert_eq!((heard.status, heard.answers()), (Some(status), 1), "{start}: {}", heard.text);
            if status > 400 {
                assert!(heard.text.contains("application/problem+json"), "{start}: {}", heard.text);
            }
        }
        // An upgrade is not taken up.
        let lines = "connection: upgrade, close\r\nupgrade: h2c, websocket\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
        let heard = exchange(&stand, &request(&stand, "GET /v1/whoami", lines, "")).await;
        assert_eq!(heard.status, Some(200), "{}", heard.text);
        stand.stop().await;
    });
}

/// Frames of HTTP/2 (RFC 9113), as few as are needed.
mod h2 {
    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
    }

    /// Headers, each as a literal that is not indexed (RFC 7541 §6.2.3).
    pub fn headers(stream: u32, headers: &[(&str, &str)]) -> Vec<u8> {
        let text = |text: &str| {
            let length = text.len();
            let mut bytes = Vec::new();
            match u8::try_from(length) {
                Ok(short) if short < 127 => bytes.push(short),
                _ => {
                    bytes.push(127);
                    let mut rest = length - 127;
                    while rest >= 128 {
                        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                        rest /= 128;
                    }
                    bytes.push(u8::try_from(rest).unwrap());
                }
            }
            bytes.extend_from_slice(text.as_bytes());
            bytes
        };
        let block: Vec<u8> =
            headers.iter().flat_map(|(name, value)| [vec![0x10], text(name), text(value)].concat()).collect();
        frame(1, 0b101, stream, &block)
    }

    /// Kind, flags and stream of the frames in these bytes.
    pub fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, &[u8])> {
        let mut frames = Vec::new();
        while bytes.len() >= 9 {
            let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
            let stream = u32::from_be_bytes(bytes[5..9].try_into().unwrap());
            frames.push((bytes[3], bytes[4], stream, &bytes[9..(9 + length).min(bytes.len())]));
            bytes = &bytes[(9 + length).min(bytes.len())..];
        }
        frames
    }
}

#[test]
fn tricks_with_the_heads_of_http_2_are_refused() {
    run(async {
        let stand = Stand::start().await;
        let bearer = format!("Bearer {}", stand.settings.token("app-orders", stand.now()));
        let good = [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", "/v1/whoami"),
            ("authorization", &bearer),
        ];
        let with = |more: &[(&'static str, &'static str)]| [&good[..], more].concat();
        let without = |name: &str| good.iter().filter(|(each, _)| *each != name).copied().collect::<Vec<_>>();
        let changed = |name: &str, value: &'static str| {
            good.iter()
                .map(|(each, old)| (*each, if *each == name { value } else { *old }))
                .collect::<Vec<_>>()
        };
        let cases = [
            ("good", good.to_vec(), true),
            ("two paths", with(&[(":path", "/v1/roles")]), false),
            ("two methods", [&[(":method", "DELETE")][..], &good].concat(), false),
            ("no path", without(":path"), false),
            ("no method", without(":method"), false),
            ("no scheme", without(":scheme"), false),
            ("an empty path", changed(":path", ""), false),
            ("a path without a slash", changed(":path", "v1/whoami"), false),
            ("a path with an end of line", changed(":path", "/v1/whoami HTTP/1.1\r\nx: y"), false),
            ("an unknown one", with(&[(":proxy", "x")]), false),
            ("one of an answer", with(&[(":status", "200")]), false),
            ("a name in capitals", with(&[("X-Large", "y")]), false),
            ("a name with an end of line", with(&[("x-a\r\nb", "y")]), false),
            ("a value with an end of line", with(&[("x-a", "b\r\nc: d")]), false),
            ("a value with NUL", with(&[("x-a", "b\0c")]), false),
            ("a connection header", with(&[("connection", "close")]), false),
            ("an encoding", with(&[("transfer-encoding", "chunked")]), false),
            ("an upgrade", with(&[("upgrade", "h2c")]), false),
            ("a length without a body", with(&[("content-length", "10")]), false),
            ("two tokens", with(&[("authorization", "Bearer x")]), false),
        ];
        for (name, headers, served) in cases {
            let mut wire = Wire::open(&stand.settings, &stand.url, b"h2").await;
            let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), h2::frame(4, 0, 0, &[])].concat();
            // Goodbye at once, so that the other side hangs up when it has answered.
            let bye = h2::frame(7, 0, 0, &[0; 8]);
            wire.say(&[hello, h2::headers(1, &headers), bye].concat()).await;
            let heard = wire.hear().await;
            let frames = h2::frames(&heard);
            // The static table has `:status: 200` as its entry 8, and an answer begins with its status.
            let is_served =
                frames.iter().any(|(kind, _, _, payload)| *kind == 1 && payload.first() == Some(&0x88));
            assert_eq!(is_served, served, "{name}: {frames:?}");
        }
        stand.caller("app-orders").get("/v1/whoami").await.ok();
        stand.stop().await;
    });
}

#[test]
fn a_megabyte_of_token_is_refused_and_is_not_in_the_log() {
    run(async {
        let filler = format!("filler-{}", crate::stand::unique());
        let token = filler.repeat((1 << 20) / filler.len());
        for head in ["32KiB", "4MiB"] {
            let stand = Stand::with(|config| config["server"]["limits"]["head"] = head.into()).await;
            let head = format!(
                "GET /v1/whoami HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
            );
            let heard = exchange(&stand, &head).await;
            // Whoever hangs up on what is still being sent may not be heard.
            assert!(matches!(heard.status, Some(401 | 431) | None), "{}", heard.text);
            if heard.status == Some(401) {
                assert!(heard.text.contains("/problems/unauthenticated"), "{}", heard.text);
            }
            let short = stand.bearer(&token[..17 * 1024]).get("/v1/whoami").await;
            assert_problem(&short, "unauthenticated");
            stand.stop().await;
        }
        assert!(!log::text().contains(&filler));
    });
}
