//! Tokens made with care to hurt whoever reads them: all well signed, none believed, nothing of them in the log.

use devstack::Algorithm;
use serde_json::{Value, json};

use super::assert_problem;
use crate::stand::{Answer, Stand, log, run, seconds};

/// Claims that are all right but for what takes the place of `"odd":0`.
fn claims(stand: &Stand, odd: &str) -> Vec<u8> {
    let now = seconds(stand.now());
    let good = json!({
        "iss": stand.settings.world.oidc().issuer(), "sub": "app-orders", "aud": "dsn-broker",
        "iat": now, "exp": now + 300, "odd": 0,
    });
    good.to_string().replace(r#""odd":0"#, odd).into_bytes()
}

/// Claims that no reader may fall over.
fn bombs(stand: &Stand) -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, close: &str, depth: usize| {
        claims(stand, &format!(r#""odd":{}0{}"#, open.repeat(depth), close.repeat(depth)))
    };
    let mut latin1 = claims(stand, r#""odd":"?""#);
    let place = latin1.iter().position(|byte| *byte == b'?').unwrap();
    latin1[place] = 0xff;
    let odd = |text: &str| claims(stand, text);
    vec![
        ("arrays", nested("[", "]", 5000)),
        ("objects", nested(r#"{"a":"#, "}", 1500)),
        ("arrays that do not end", nested("[", "", 10_000)),
        ("ten thousand arrays", nested("[", "]", 10_000)),
        ("a number without end", odd(&format!(r#""odd":{}"#, "9".repeat(8000)))),
        ("a number that is too large", odd(r#""odd":1e999999"#)),
        ("not a number", odd(r#""odd":NaN"#)),
        ("infinity", odd(r#""odd":-Infinity"#)),
        ("half a character", odd(r#""odd":"\ud800""#)),
        ("a raw line end", odd("\"odd\":\"\n\"")),
        ("latin-1", latin1),
        ("a mark in front", [b"\xef\xbb\xbf", odd(r#""odd":0"#).as_slice()].concat()),
        ("something behind", [odd(r#""odd":0"#).as_slice(), b"{}"].concat()),
        ("a comment", odd(r#""odd":0/**/"#)),
        ("two subjects", odd(r#""sub":"operator""#)),
        ("two subjects, one in disguise", odd(r#""\u0073ub":"operator""#)),
        ("two audiences", odd(r#""aud":"dsn-broker""#)),
        ("two of the same, deep down", odd(r#""odd":[{"a":{"b":1,"b":1}}]"#)),
        ("a list", b"[]".to_vec()),
        ("nothing", Vec::new()),
    ]
}

/// Claims that are well-formed and odd where it matters.
fn oddities(stand: &Stand) -> Vec<(&'static str, Value)> {
    let mut all = Vec::new();
    for value in [json!(null), json!(""), json!(0), json!(["app-orders"]), json!({"a": 1}), json!("a\u{0}b")]
    {
        all.push(("sub", value));
    }
    for text in ["app-\r\nx", "app-\u{1b}[2J", "app-\u{7f}", "app-\u{85}", &"app-".repeat(200)] {
        all.push(("sub", json!(text)));
    }
    for value in [json!(null), json!("DSN-BROKER"), json!(["x"]), json!([["dsn-broker"]]), json!("*")] {
        all.push(("aud", value));
    }
    for value in [json!(null), json!("9999999999"), json!(1e300), json!(-1), json!(u64::MAX), json!([4e9])] {
        all.push(("exp", value));
    }
    let later = seconds(stand.now()) + 3600;
    for name in ["nbf", "iat"] {
        all.extend([(name, json!(later)), (name, json!(1e300)), (name, json!("now"))]);
    }
    let issuer = stand.settings.world.oidc().issuer();
    for text in
        [&format!("{issuer}/"), &issuer.to_uppercase(), "", "' or 1=1 --", "a\u{0}b\r\nc", "http://[::1"]
    {
        all.push(("iss", json!(text)));
    }
    all
}

#[test]
fn tokens_that_are_bombs_or_odd_are_refused_like_any_other() {
    run(async {
        let stand = Stand::start().await;
        let oidc = stand.settings.world.oidc();
        let sign = |bytes: &[u8]| oidc.sign(Algorithm::Es256, |_| {}, bytes).unwrap();
        let good = stand.bearer(sign(&claims(&stand, r#""odd":0"#))).get("/v1/whoami").await;
        assert_eq!(
            good.ok()["subject"],
            "app-orders",
            "all that follows is refused for what is odd about it"
        );
        let mut tokens: Vec<_> =
            bombs(&stand).into_iter().map(|(name, bytes)| (name.to_owned(), sign(&bytes))).collect();
        for (name, value) in oddities(&stand) {
            let mut odd: Value = serde_json::from_slice(&claims(&stand, r#""odd":0"#)).unwrap();
            odd[name] = value.clone();
            tokens.push((format!("{name} {value}"), sign(odd.to_string().as_bytes())));
        }
        all_are_refused(&stand, tokens).await;
        stand.stop().await;
    });
}

#[test]
fn headers_of_tokens_choose_no_key_and_no_algorithm() {
    run(async {
        let stand = Stand::start().await;
        let oidc = stand.settings.world.oidc();
        let long = "k".repeat(10_000);
        let attacker = format!("{}/attacker/jwks", oidc.issuer());
        let mut changes: Vec<(&str, Value)> =
            vec![("jku", json!(attacker)), ("crit", json!(["exp"])), ("crit", json!([]))];
        for kid in [
            "",
            "..",
            "../../../../dev/null",
            "/etc/passwd",
            "file:///etc/passwd",
            "' or '1'='1",
            "0",
            "*",
            "x\u{0}y",
            "x\r\ny: z",
            "\u{1b}[31m",
            "\u{202e}",
            "${jndi:ldap://x}",
            "{{7*7}}",
            &attacker,
            &long,
        ] {
            changes.push(("kid", json!(kid)));
        }
        for kid in [json!(0), json!(null), json!([]), json!({"a": "b"}), json!(true)] {
            changes.push(("kid", kid));
        }
        for alg in [
            "none", "None", "", "HS256", "HS512", "RS256", "ES384", "es256", "ES256K", "ES512", "dir",
            "\u{0}",
        ] {
            changes.push(("alg", json!(alg)));
        }
        for alg in [json!(null), json!(["ES256"]), json!(0)] {
            changes.push(("alg", alg));
        }
        let good = claims(&stand, r#""odd":0"#);
        let mut tokens = Vec::new();
        for (name, value) in changes {
            // A foreign key where the header says where to find it: its own signature would be good.
            let kid = if name == "jku" { json!("attacker") } else { Value::Null };
            let change = |header: &mut serde_json::Map<String, Value>| {
                if !kid.is_null() {
                    header.insert("kid".to_owned(), kid.clone());
                }
                header.insert(name.to_owned(), value.clone());
            };
            let token = oidc.sign(Algorithm::Es256, change, &good).unwrap();
            tokens
                .push((format!("{name} {}", value.to_string().chars().take(80).collect::<String>()), token));
        }
        all_are_refused(&stand, tokens).await;
        assert_eq!(oidc.attacker_requests(), 0, "nobody is sent anywhere");
        // What a header brings is not looked at, where the signature is good by the published key.
        let with = |name: &'static str, value: Value| {
            let change =
                |header: &mut serde_json::Map<String, Value>| drop(header.insert(name.to_owned(), value));
            oidc.sign(Algorithm::Es256, change, &good).unwrap()
        };
        for token in
            [with("jku", json!(attacker)), with("x5u", json!(attacker)), with("typ", json!("at+jwt"))]
        {
            stand.bearer(token).get("/v1/whoami").await.ok();
        }
        assert_eq!(oidc.attacker_requests(), 0);
        stand.stop().await;
    });
}

/// Each gets the one answer; the log says why on one short line; nothing of the token is anywhere.
async fn all_are_refused(stand: &Stand, tokens: Vec<(String, String)>) {
    let mut first = None;
    for (number, (name, token)) in tokens.iter().enumerate() {
        let id = format!("{}-{number}", stand.settings.ledger);
        let caller = stand.bearer(token);
        let request =
            caller.request(reqwest::Method::GET, "/v1/dsn/orders-reader").header("x-request-id", &id);
        let answer = Answer::of(request).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.text);
        assert_problem(&answer, "unauthenticated");
        let shape = answer.shape();
        assert_eq!(*first.get_or_insert(shape.clone()), shape, "{name}");
        let lines = log::of_request(&id);
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        let reason = lines[0]["reason"].as_str().unwrap();
        assert!(!reason.is_empty() && reason.len() < 1000, "{name}: {reason}");
        assert!(!reason.contains(char::is_control), "{name}: {reason:?}");
    }
    let log = log::text();
    for (name, token) in &tokens {
        for part in token.split('.').filter(|part| part.len() >= 40) {
            // The claims of all begin alike: their ends tell them apart.
            assert!(!log.contains(&part[part.len() - 40..]), "{name} is in the log");
        }
    }
    assert_eq!(stand.users().await, [""; 0]);
}
