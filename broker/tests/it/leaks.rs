//! A whole run of the program at its most talkative, and a search for every secret of that run in all it left.

use std::collections::HashMap;

use devstack::{Provided, Provider};
use dsn_broker::time::{Clock, SystemClock};
use redis::cmd;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stand::mariadb::{add_shop, mariadb};
use crate::stand::{Process, Settings, record, role, run, unique, until, world};

/// What no log, table, metric or refusal may hold, each with what it is.
#[derive(Default)]
struct Secrets(Vec<(String, String)>);

impl Secrets {
    fn add(&mut self, what: impl Into<String>, secret: impl Into<String>) {
        let (what, secret) = (what.into(), secret.into());
        assert!(secret.len() >= 8, "{what} is too short to be looked for");
        record::secret(&secret);
        self.0.push((what, secret));
    }

    fn add_answer(&mut self, answer: &Value) {
        self.add("a password", answer["parameters"]["password"].as_str().unwrap());
        self.add("a DSN", answer["dsn"].as_str().unwrap());
    }

    fn assert_none_in(&self, place: &str, bytes: &[u8]) {
        for (what, secret) in &self.0 {
            let found = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
            if let Some(at) = found {
                let around = &bytes[at.saturating_sub(300)..at];
                panic!("{what} is in {place}, after …{}", String::from_utf8_lossy(around));
            }
        }
    }
}

/// Roles on other databases: of MySQL, and of a provider whose API makes the passwords itself.
const ELSEWHERE: [&str; 2] = ["shop-reader", "planetscale-mysql-user"];

/// The usual configuration and more: API keys, a role that the database refuses, a database that is not there, and other
/// engines.
async fn settings(secrets: &mut Secrets) -> (Settings, Provided, String) {
    let mut settings = Settings::new(world().await, &unique()).await;
    settings.migrate().await;
    let program = env!("CARGO_BIN_EXE_dsn-broker");
    let made = tokio::process::Command::new(program).args(["api-key", "new", "ci"]).output().await.unwrap();
    let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    let told = String::from_utf8(made.stderr).unwrap();
    let hash = told.split("sha256: ").nth(1).unwrap().trim().to_owned();
    secrets.add("an API key", &key);
    let wrong = "an-admin-password-that-is-wrong";
    secrets.add("a wrong password", wrong);
    let wrong = settings.secret("dead-admin", wrong);
    let privileges = json!([{ "in": "shop.items", "can": ["select"] }]);
    let credential = json!({ "kind": "dynamic_user", "privileges": privileges });
    add_shop(&mut settings, mariadb().await, ELSEWHERE[0], credential);
    let provided = Provider::Planetscale.start(world().await, settings.folder()).await.unwrap();
    settings.merge(&json!({ "databases": provided.databases, "roles": provided.roles }));
    let config = &mut settings.config;
    config["issuers"]["keys"] = json!({ "kind": "api_key", "keys": { "ci": { "sha256": hash } } });
    config["roles"]["orders-refused"] = role("request");
    config["roles"]["orders-refused"]["credential"]["member_of"] = json!(["no_such_group"]);
    let mut dead = config["databases"]["orders"].clone();
    dead["endpoints"]["primary"]["port"] = 1.into();
    config["databases"]["dead"] = dead;
    config["roles"]["dead"] = role("request");
    config["roles"]["dead"]["database"] = "dead".into();
    let here = ["orders-reader", "orders-request", "orders-refused", "dead"];
    let roles = json!([here.as_slice(), &ELSEWHERE].concat());
    config["bindings"] = json!([
        { "workloads": { "issuer": "cluster", "subject": "app-*" }, "roles": roles },
        { "workloads": { "issuer": "keys", "subject": "ci" }, "roles": roles },
    ]);
    config["databases"]["dead"]["admin"]["password"] = wrong;
    for name in ["seal", "audit", "orders-admin", "shop-admin", "planetscale-token"] {
        secrets.add(name, std::fs::read_to_string(settings.folder().join(name)).unwrap());
    }
    for (what, url) in [("ledger", &settings.writer_url), ("owner", &settings.owner_url)] {
        secrets.add(what, url::Url::parse(url).unwrap().password().unwrap());
    }
    secrets.add("redis", settings.world.redis().password());
    (settings, provided, key)
}

/// Everything that a caller can do, well and badly; answers the bodies of all refusals.
async fn call(process: &Process, key: &str, secrets: &mut Secrets) -> String {
    let settings = &process.settings;
    let token = settings.token("app-orders", SystemClock.now());
    let (forged, operator) = (format!("{token}x"), settings.token("operator", SystemClock.now()));
    secrets.add("a forged token", &forged);
    secrets.add("an operator's token", &operator);
    secrets.add("a token", &token);
    let ca = format!("ca_file={}", settings.ca_path.display());
    let mut refusals = String::new();
    for proof in [token.as_str(), key] {
        let path = format!("/v1/dsn/orders-reader?{ca}");
        let answer = process.call(Method::GET, &path, proof).await.unwrap().ok();
        secrets.add_answer(&answer);
        process.call(Method::GET, &path, proof).await.unwrap().ok();
        let own = format!("/v1/dsn/orders-request?{ca}");
        secrets.add_answer(&process.call(Method::GET, &own, proof).await.unwrap().ok());
        let lease = format!("/v1/leases/{}", answer["lease_id"].as_str().unwrap());
        process.call(Method::GET, &lease, proof).await.unwrap().ok();
        process.call(Method::DELETE, &lease, proof).await.unwrap().ok();
        for role in ELSEWHERE {
            let answer =
                process.call(Method::GET, &format!("/v1/dsn/{role}?{ca}"), proof).await.unwrap().ok();
            secrets.add_answer(&answer);
            let lease = format!("/v1/leases/{}", answer["lease_id"].as_str().unwrap());
            process.call(Method::DELETE, &lease, proof).await.unwrap().ok();
        }
        for (path, status) in [
            (format!("/v1/dsn/orders-refused?{ca}"), 502),
            (format!("/v1/dsn/dead?{ca}"), 503),
            (format!("/v1/dsn/unknown?{ca}"), 403),
            (format!("/v1/dsn/orders-reader?{ca}&format=unheard-of"), 400),
            ("/v1/databases/orders".to_owned(), 403),
        ] {
            let answer = process.call(Method::GET, &path, proof).await.unwrap();
            assert_eq!(answer.status, status, "{path}: {}", answer.text);
            refusals.push_str(&answer.text);
        }
    }
    for proof in [forged.as_str(), "dsnk_this-is-not-a-key-of-anyone", "garbage.in.token"] {
        let answer = process.call(Method::GET, "/v1/whoami", proof).await.unwrap();
        assert_eq!(answer.status, 401, "{}", answer.text);
        refusals.push_str(&answer.text);
    }
    secrets.add("what is no key", "dsnk_this-is-not-a-key-of-anyone");
    let incident = process.client.post(format!("{}/v1/revocations", process.url)).bearer_auth(&operator);
    let incident =
        incident.json(&json!({ "role": "orders-request", "reason": "test" })).send().await.unwrap();
    assert_eq!(incident.status(), 200);
    refusals
}

/// Loads a configuration with a secret where none belongs, which must be refused, and then the good one again.
async fn reload(process: &mut Process, secrets: &mut Secrets) {
    let good = process.settings.config.clone();
    for (number, (what, pointer)) in [
        ("password", "/databases/orders/admin/password"),
        ("url", "/ledger/url"),
        ("key", "/seal/keys/0/key"),
    ]
    .into_iter()
    .enumerate()
    {
        let inline = format!("an-inline-{what}-{}", unique());
        secrets.add(format!("the {what} in the configuration"), &inline);
        *process.settings.config.pointer_mut(pointer).unwrap() = inline.into();
        process.settings.write();
        until_said(process, "configuration refused", number + 1).await;
        process.settings.config = good.clone();
        process.settings.write();
        until_said(process, "configuration loaded", number + 2).await;
    }
}

async fn until_said(process: &Process, what: &str, times: usize) {
    let said = || process.log().iter().filter(|line| line.contains(what)).count();
    until(async || said() >= times).await;
}

/// All that lies in Redis under our prefix.
async fn in_redis(settings: &Settings) -> Vec<u8> {
    let redis = settings.world.redis();
    let root_cert = Some(std::fs::read(redis.ca_path()).unwrap());
    let certificates = redis::TlsCertificates { client_tls: None, root_cert };
    let client = redis::Client::build_with_tls(redis.url(), certificates).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let prefix = settings.config["cache"]["redis"]["prefix"].as_str().unwrap();
    let (mut all, mut cursor) = (Vec::new(), 0_u64);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("COUNT").arg(1000);
        let (next, keys): (u64, Vec<String>) = scan.query_async(&mut connection).await.unwrap();
        for key in keys {
            all.extend_from_slice(key.as_bytes());
            let fields: redis::RedisResult<HashMap<Vec<u8>, Vec<u8>>> =
                cmd("HGETALL").arg(&key).query_async(&mut connection).await;
            for (name, value) in fields.unwrap_or_default() {
                all.extend(name.into_iter().chain(value));
            }
            let text: redis::RedisResult<Vec<u8>> = cmd("GET").arg(&key).query_async(&mut connection).await;
            all.extend(text.unwrap_or_default());
        }
        if next == 0 {
            return all;
        }
        cursor = next;
    }
}

/// All rows of all tables of the ledger.
async fn in_ledger(settings: &Settings) -> String {
    let mut all = String::new();
    for table in ["leases", "audit_events", "audit_heads", "installation"] {
        all += &settings.ask_ledger(&format!("select to_jsonb({table})::text from {table}")).await;
    }
    all
}

#[test]
fn no_secret_of_a_whole_run_is_in_its_log_its_metrics_its_refusals_the_ledger_or_redis() {
    run(async {
        let mut secrets = Secrets::default();
        let (settings, provided, key) = settings(&mut secrets).await;
        let mut process = Process::again(settings, &[("RUST_LOG", "trace")]).await;
        let refusals = call(&process, &key, &mut secrets).await;
        let cached = process.dsn("orders-reader");
        secrets.add_answer(&process.call(Method::GET, &cached, &key).await.unwrap().ok());
        reload(&mut process, &mut secrets).await;
        let metrics = process.client.get(format!("{}/metrics", process.admin_url)).send().await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let redis = in_redis(&process.settings).await;
        let (settings, log) = process.stop().await;
        let log = log.join("\n");
        assert!(log.contains(r#""level":"TRACE""#) && log.contains(r#""problem":"engine-refused""#));
        assert!(redis.len() > 200 && metrics.contains("dsn_broker_mints_total"));
        secrets.assert_none_in("the log", log.as_bytes());
        secrets.assert_none_in("the metrics", metrics.as_bytes());
        secrets.assert_none_in("the refusals", refusals.as_bytes());
        secrets.assert_none_in("Redis", &redis);
        secrets.assert_none_in("the ledger", in_ledger(&settings).await.as_bytes());
        secrets.assert_none_in("the log of the database", settings.world.orders().log().as_bytes());
        secrets.assert_none_in("the log of MariaDB", mariadb().await.log().as_bytes());
        provided.end().await.unwrap();
    });
}
