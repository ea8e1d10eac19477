//! The main job, in all its forms.

use std::process::Command;

use dsn_broker::dsn::{Format, Language};
use dsn_broker::model::Protocol;
use reqwest::Method;
use serde_json::{Value, json};

use super::{assert_invalid, assert_problem};
use crate::stand::{Answer, Stand, psql, run};

const WHO: &str = "select current_user";

#[test]
fn the_answer_has_every_member_and_they_agree() {
    run(async {
        let stand = Stand::start().await;
        let answer = stand.caller("app-orders").dsn("orders-reader").await;
        let members: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            members,
            [
                "lease_id",
                "role",
                "database",
                "engine",
                "credential",
                "endpoint",
                "format",
                "dsn",
                "parameters",
                "capabilities",
                "code",
                "needs",
                "ca_pem",
                "shared",
                "issued_at",
                "refresh_after",
                "expires_at",
                "max_expires_at",
                "renewable",
            ]
        );
        let orders = stand.settings.world.orders();
        for (member, value) in [
            ("role", json!("orders-reader")),
            ("database", json!("orders")),
            ("engine", json!("postgres")),
            ("credential", json!("dynamic_user")),
            ("endpoint", json!("primary")),
            ("format", json!("uri")),
            (
                "capabilities",
                json!({
                    "channel_binding": "enforced", "direct_tls": "yes", "timeout": "in_text", "ca": "exclusive",
                    "credentials": "in_text",
                }),
            ),
            ("code", json!("psql \"$dsn\"")),
            ("needs", json!([])),
            ("ca_pem", json!(std::fs::read_to_string(&stand.settings.ca_path).unwrap())),
            ("shared", json!(true)),
            ("renewable", json!(true)),
        ] {
            assert_eq!(answer[member], value, "{member}");
        }
        let parameters = &answer["parameters"];
        for (member, value) in [
            ("host", json!("localhost")),
            ("port", json!(orders.port())),
            ("dbname", json!(stand.settings.target)),
            ("sslmode", json!("verify-full")),
            ("sslrootcert", json!(stand.settings.ca_path)),
        ] {
            assert_eq!(parameters[member], value, "{member}");
        }
        let time =
            |member: &str| answer[member].as_str().unwrap().parse::<dsn_broker::time::Timestamp>().unwrap();
        let hours = |hours: u64| time("issued_at") + std::time::Duration::from_secs(hours * 3600);
        assert_eq!((time("expires_at"), time("max_expires_at")), (hours(1), hours(4)));
        assert!(time("issued_at") < time("refresh_after") && time("refresh_after") <= hours(1));
        let user = parameters["user"].as_str().unwrap();
        let shown = psql(answer["dsn"].as_str().unwrap(), WHO).await;
        assert_eq!(shown.stdout, user, "{}", shown.stderr);
        stand.stop().await;
    });
}

#[test]
fn every_format_lets_psql_in() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let folder = tempfile::tempdir().unwrap();
        let whole = caller.dsn("orders-reader").await;
        let parameters = &whole["parameters"];
        let user = parameters["user"].as_str().unwrap();
        let roles = caller.get("/v1/roles").await.ok();
        let formats = roles["roles"][0]["formats"].as_array().unwrap().clone();
        assert_eq!(formats.len(), Format::for_protocol(Protocol::Postgres).count());
        for format in formats {
            let format = format["name"].as_str().unwrap();
            if format.parse::<Format>().unwrap().language() != Language::Tools {
                continue; // See `drivers.rs`.
            }
            let path = format!("{}&format={format}", caller.dsn_path("orders-reader"));
            let text = caller.get_as(&path, "text/plain").await;
            assert_eq!(text.text, caller.get(&path).await.ok()["dsn"].as_str().unwrap(), "{format}");
            let file = folder.path().join(format);
            std::fs::write(&file, &text.text).unwrap();
            let file = file.display();
            let part = |name: &str| match &parameters[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let script = match format {
                "uri" | "keyword" => format!("psql -XAtc '{WHO}' \"$(cat {file})\""),
                "env" => format!(". {file}; psql -XAtc '{WHO}'"),
                "dotenv" => format!("set -a; . {file}; psql -XAtc '{WHO}' \"$DATABASE_URL\""),
                "pgpass" => format!(
                    "chmod 600 {file}; PGPASSFILE={file} psql -wXAtc '{WHO}' \"host=localhost port={} user={} dbname={} \
                     sslmode=verify-full sslrootcert={}\"",
                    part("port"),
                    part("user"),
                    part("dbname"),
                    part("sslrootcert"),
                ),
                "pg-service" => format!("PGSERVICEFILE={file} psql -XAtc '{WHO}' service=dsn"),
                "shell" => format!("printf '%s\\n' '\\copy ({WHO}) to stdout' | sh -eu {file}"),
                "querycop-env" => format!(
                    ". {file}; PGPASSWORD={} psql -wXAtc '{WHO}' \"host=$GATEKEEPER_BACKEND_HOST \
                     port=$GATEKEEPER_BACKEND_PORT sslmode=$GATEKEEPER_BACKEND_TLS_MODE \
                     sslrootcert=$GATEKEEPER_BACKEND_TLS_CA_FILE user={} dbname={}\"",
                    part("password"),
                    part("user"),
                    part("dbname"),
                ),
                "json" => {
                    let json: Value = serde_json::from_str(&text.text).unwrap();
                    let mut rest = json.as_object().unwrap().clone();
                    assert_eq!(rest.remove("ca_pem").unwrap(), whole["ca_pem"]);
                    assert_eq!(json!(rest), *parameters);
                    let words = rest
                        .iter()
                        .map(|(key, value)| format!("{key}={}", value.to_string().replace('"', "'")));
                    format!("psql -XAtc '{WHO}' \"{}\"", words.collect::<Vec<_>>().join(" "))
                }
                other => panic!("how does psql use {other}?"),
            };
            let output =
                Command::new("sh").args(["-euc", &script]).env_remove("PGPASSWORD").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), user, "{format}: {said}");
        }
        stand.stop().await;
    });
}

#[test]
fn plain_text_is_for_scripts_with_curl() {
    run(async {
        let stand = Stand::start().await;
        let caller = stand.caller("app-orders");
        let whole = caller.dsn("orders-reader").await;
        let text = caller.get_as(&caller.dsn_path("orders-reader"), "text/plain").await;
        assert_eq!(text.text, whole["dsn"].as_str().unwrap());
        assert_eq!(text.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(text.headers["dsn-lease-id"], whole["lease_id"].as_str().unwrap());
        for (header, member) in [("dsn-expires-at", "expires_at"), ("dsn-refresh-after", "refresh_after")] {
            let time = |text: &str| text.parse::<dsn_broker::time::Timestamp>().unwrap();
            assert_eq!(time(text.headers[header].to_str().unwrap()), time(whole[member].as_str().unwrap()));
        }
        let script = format!(
            "psql -XAtc '{WHO}' \"$(curl -sf --cacert '{ca}' -H \"Authorization: Bearer $T\" -H 'Accept: text/plain' \
             '{url}{path}')\"",
            ca = stand.settings.ca_path.display(),
            url = stand.url,
            path = caller.dsn_path("orders-reader"),
        );
        let token = stand.settings.token("app-orders", stand.now());
        let output = tokio::process::Command::new("sh")
            .args(["-euc", &script])
            .env("T", token)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), whole["parameters"]["user"], "{said}");
        stand.stop().await;
    });
}

#[test]
fn a_life_and_a_credential_of_ones_own_can_be_asked_for() {
    run(async {
        let stand = Stand::start().await;
        let (caller, path) = (stand.caller("app-orders"), "/v1/dsn/orders-reader");
        let ca_file = &stand.settings.ca_path;
        let shared = caller.dsn("orders-reader").await;
        assert_eq!(
            caller.post(path, &json!({ "ca_file": ca_file })).await.ok()["lease_id"],
            shared["lease_id"]
        );
        let same = caller.post(path, &json!({ "ca_file": ca_file, "ttl": "60m" })).await.ok();
        assert_eq!(same["lease_id"], shared["lease_id"], "the role's own ttl");
        for body in [
            json!({ "ca_file": ca_file, "fresh": true }),
            json!({ "ca_file": ca_file, "ttl": "10s" }),
            json!({ "ca_file": ca_file, "ttl": "4h" }),
        ] {
            let own = caller.post(path, &body).await.ok();
            assert_eq!(own["shared"], false, "{body}");
            assert_ne!(own["lease_id"], shared["lease_id"], "{body}");
            assert!(psql(own["dsn"].as_str().unwrap(), WHO).await.ok);
        }
        for (ttl, words) in [
            ("4h1s", "above the role's maximum"),
            ("9s", "below the minimum"),
            ("36501d", "longer than 36500d"),
            ("soon", "not a duration"),
        ] {
            assert_invalid(
                &caller.post(path, &json!({ "ca_file": ca_file, "ttl": ttl })).await,
                "ttl",
                words,
            );
        }
        assert_eq!(stand.users().await.len(), 4, "what is refused makes nothing");
        stand.stop().await;
    });
}

#[test]
fn what_is_wrong_is_named_with_its_field() {
    run(async {
        let stand = Stand::with(|config| {
            config["databases"]["orders"]["endpoints"]["replica"] =
                config["databases"]["orders"]["endpoints"]["primary"].clone();
            config["databases"]["orders"]["endpoints"]["replica"]["tls"] = json!({ "ca": "system" });
            config["roles"]["orders-request"]["endpoints"] = json!(["replica"]);
        })
        .await;
        let (caller, path) = (stand.caller("app-orders"), "/v1/dsn/orders-reader");
        for (query, field, words) in [
            ("format=ury", "format", "did you mean uri?"),
            ("format=", "format", "is not a format"),
            ("", "ca_file", "/v1/databases/orders/ca.pem"),
            ("ca_file=relative.pem", "ca_file", "absolute path"),
            ("ca_file=/a%00b", "ca_file", "ca_file"),
            ("endpoint=pooled", "endpoint", "primary, replica"),
            ("os=beos", "os", "is one of debian, ubuntu, "),
            ("format=querycop-env&endpoint=replica", "os", "ask with os=debian (or ubuntu, "),
            ("format=querycop-env&os=debian", "ca_file", "/v1/databases/orders/ca.pem"),
            ("formt=uri", "formt", "unknown field `formt`"),
            ("ttl=1h", "ttl", "unknown field `ttl`"),
            ("format=uri&format=env", "query", "duplicate field"),
        ] {
            assert_invalid(&caller.get(&format!("{path}?{query}")).await, field, words);
        }
        for (body, field, words) in [
            (r#"{"formt":"uri"}"#, "formt", "unknown field `formt`"),
            (r#"{"fresh":"yes"}"#, "fresh", "invalid type"),
            (r#"{"fresh":true} and more"#, "body", "more"),
            (r#"{"ttl":3600}"#, "ttl", "not a duration"),
            ("[]", "body", "not a JSON object"),
            ("[null,null,null,null,true]", "body", "not a JSON object"),
            ("{", "body", "EOF"),
            ("\u{0}", "body", "not a JSON object"),
        ] {
            let request = caller.request(Method::POST, path).body(body);
            let answer = Answer::of(request).await;
            assert_problem(&answer, "invalid-request");
            assert_eq!(answer.json()["field"], field, "{body}: {}", answer.text);
            assert!(answer.text.contains(words), "{body}: {}", answer.text);
        }
        let replica = caller.get(&caller.dsn_path("orders-request")).await.ok();
        assert_eq!(replica["endpoint"], "replica");
        let refused = caller.get(&format!("{}&endpoint=primary", caller.dsn_path("orders-request"))).await;
        assert_invalid(&refused, "endpoint", "replica");
        for format in ["pgpass", "json"] {
            caller.get(&format!("{path}?format={format}")).await.ok();
        }
        let roots = caller.get(&format!("{path}?format=querycop-env&endpoint=replica&os=rhel")).await.ok();
        let text = roots["dsn"].as_str().unwrap();
        assert!(text.contains("TLS_CA_FILE=/etc/pki/tls/certs/ca-bundle.crt\n"), "{text}");
        for (os, roots, needs) in [("", "system", 1), ("&os=rhel", "/etc/pki/tls/certs/ca-bundle.crt", 0)] {
            let answer = caller.get(&format!("{path}?endpoint=replica{os}")).await.ok();
            assert_eq!(answer["parameters"]["sslrootcert"], roots);
            let encoded = roots.replace('/', "%2F");
            assert!(answer["dsn"].as_str().unwrap().contains(&format!("sslrootcert={encoded}&")), "{answer}");
            assert_eq!(answer["needs"].as_array().unwrap().len(), needs, "older libpq knows paths alone");
        }
        stand.stop().await;
    });
}
