//! Every mistake that can be known when the file is loaded: what is said about it, and where.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

mod broker;
mod mysql;
mod planetscale;
mod rds;
mod understood;
mod world;

const EXAMPLE: &str = include_str!("../../config.example.yaml");

/// A folder with all the files that the example refers to.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("tls")).unwrap();
    fs::create_dir(path("secrets")).unwrap();
    let ca = devstack::Ca::generate().unwrap();
    ca.write_to(&path("tls")).unwrap();
    ca.issue_to(&path("tls"), &["localhost"]).unwrap();
    fs::copy(path("tls/ca.pem"), path("tls/clients.pem")).unwrap();
    for (name, secret) in [
        ("ledger-url", "postgres://broker:pw@localhost/ledger\n"),
        ("ledger-owner-url", "postgresql://owner:pw@localhost/ledger"),
        ("redis-url", "rediss://broker:pw@localhost:6379/0"),
        ("seal-k1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
        ("seal-k2", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="),
        ("audit-key", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="),
        ("orders-admin", "pw"),
        ("report-a", "pw"),
        ("shop-admin", "pw"),
        ("planetscale-token", "pw"),
        ("planetscale-oauth", "pw"),
        ("neon-owner", "pw"),
        ("neon-key", "pw"),
        ("db9-token", "pw"),
        ("pod-token", "pw"),
        // For the mistakes:
        ("empty", "\n"),
        ("short-key", "AAAA"),
        ("redis-loopback", "redis://127.0.0.1:6379"),
        ("redis-plain", "redis://:hunter2@redis.example.com"),
        ("redis-many", "rediss://a.example.com,rediss://b.example.com"),
    ] {
        write(&path("secrets"), name, secret, 0o640);
    }
    write(&path("secrets"), "open", "pw", 0o644);
    write(&path("tls"), "open.key", &ca.issue(&["localhost"]).unwrap().key_pem, 0o644);
    write(&path("tls"), "other.key", &ca.issue(&["localhost"]).unwrap().key_pem, 0o600);
    write(
        &path("tls"),
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        0o644,
    );
    write(&path("tls"), "empty.json", "{\"keys\": []}", 0o644);
    write(&path("tls"), "bundle.json", "{\"keys\": []}", 0o644);
    folder
}

fn write(folder: &Path, name: &str, content: &str, mode: u32) {
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The mistakes in `text`, without the lines' numbers and with `DIR` for the folder.
fn mistakes(text: &str, folder: &Path) -> Vec<String> {
    match Config::parse(text, &folder.join("broker.yaml")) {
        Ok(_) => Vec::new(),
        Err(ConfigError::Wrong { mistakes, .. }) => {
            let line = |mistake: &Mistake| format!("{}: {}", mistake.key, mistake.message);
            let folder = folder.display().to_string();
            mistakes.iter().map(|mistake| line(mistake).replace(&folder, "DIR")).collect()
        }
        Err(error) => panic!("{error}"),
    }
}

/// The example with one thing changed.
fn changed(from: &str, to: &str) -> String {
    assert_eq!(EXAMPLE.matches(from).count(), 1, "{from:?} must be in the example once");
    EXAMPLE.replace(from, to)
}

/// Each row: a part of the example, what stands there instead, and what is said about that.
fn check(table: &[(&str, &str, &[&str])]) {
    let folder = folder();
    let mut wrong = String::new();
    for (from, to, expected) in table {
        let found = mistakes(&changed(from, to), folder.path());
        if found != *expected {
            wrong += &format!("--- {from}\n+++ {to}\nexpected: {expected:#?}\nfound: {found:#?}\n\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_example_is_good() {
    let folder = folder();
    fs::write(folder.path().join("broker.yaml"), EXAMPLE).unwrap();
    let config = Config::load(&folder.path().join("broker.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let paths = format!("{config:?}");
    assert!(
        !paths.contains(r#"("secrets/"#) && !paths.contains(r#""tls/"#),
        "a path was not resolved: {paths}"
    );
    let files = config.files();
    assert!(
        files.contains(&folder.path().join("tls/ca.pem")) && files.iter().all(|file| file.exists()),
        "{files:?}"
    );
    let warnings: Vec<_> =
        config.warnings().iter().map(|warning| (&*warning.key, &*warning.message)).collect();
    let because =
        "weaker than verify-full, because: its certificate has no name in it until it is replaced in May";
    assert_eq!(warnings, [("databases.orders.endpoints.legacy.tls.mode", because)]);
}

#[test]
fn all_mistakes_are_named_at_once_with_their_places() {
    let folder = folder();
    let file = folder.path().join("broker.yaml");
    let mut text = EXAMPLE.to_owned();
    let wrong = [
        ("queue: 4096", "queue: 0", "ledger.queue: 0 would let nothing through: at least 1"),
        (
            "port: 5432",
            "port: 0",
            "databases.orders.endpoints.primary.port: 0 would let nothing through: at least 1",
        ),
        ("ttl: 15m", "ttl: 13h", "roles.orders-reader.ttl: 13h is above `max_ttl`, 12h"),
        (
            "issuer: scripts",
            "issuer: script",
            "bindings[1].workloads.issuer: no issuer is called `script`; there are `cluster`, `mesh`, `pods`, `scripts`",
        ),
    ];
    for (from, to, _) in wrong {
        text = text.replace(from, to);
    }
    let place = |part: &str| {
        let before = text.get(..text.find(part).unwrap()).unwrap();
        let column = before.rsplit('\n').next().unwrap().len() + 1;
        format!("{}:{}:{column}", file.display(), before.matches('\n').count() + 1)
    };
    let expected: Vec<_> = wrong.iter().map(|(_, to, said)| format!("{}: {said}", place(to))).collect();
    let error = Config::parse(&text, &file).unwrap_err().to_string();
    assert_eq!(error.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/nowhere/broker.yaml")).unwrap_err();
    assert_eq!(error.to_string(), "the configuration /nowhere/broker.yaml cannot be read");
}

#[test]
fn a_role_without_endpoints_has_all_and_primary_is_the_default() {
    let folder = folder();
    let config = Config::parse(EXAMPLE, &folder.path().join("broker.yaml")).unwrap();
    let names = |role: &str| {
        let role = config.roles.get(&role.parse().unwrap()).unwrap();
        let endpoints = role.endpoints_in(config.databases.get(&role.database).unwrap());
        endpoints.into_iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names("orders-reader"), ["primary"]);
    assert_eq!(names("orders-writer"), ["primary", "legacy"]);
}

#[test]
fn doubts_are_not_mistakes() {
    let folder = folder();
    let from = EXAMPLE.find("cache:\n").unwrap();
    let to = EXAMPLE.find("# The keys that seal").unwrap();
    let mut text = EXAMPLE.replace(EXAMPLE.get(from..to).unwrap(), "cache: { local: {} }\n");
    for (from, to) in [
        ("  owner_url: { file: secrets/ledger-owner-url }", " "),
        ("roles: [orders-reader, orders-writer, shop-writer]", "roles: [orders-reader, shop-writer]"),
        ("{ issuer: scripts, claims: { team: finance } }", "{ issuer: scripts, claims: { team: '*' } }"),
        ("{ issuer: cluster, subject: \"system:serviceaccount:platform:oncall\" }", "{ issuer: cluster }"),
        (
            "databases:\n",
            "databases:\n  spare: { engine: postgres, dbname: a, admin: { username: a, password: { env: PATH } }, endpoints: { primary: { host: a } } }\n",
        ),
    ] {
        assert_eq!(text.matches(from).count(), 1, "{from:?}");
        text = text.replace(from, to);
    }
    let config =
        Config::parse(&text, &folder.path().join("broker.yaml")).unwrap_or_else(|error| panic!("{error}"));
    let doubts: Vec<_> =
        config.warnings().iter().map(|doubt| format!("{}: {}", doubt.key, doubt.message)).collect();
    assert_eq!(
        doubts,
        [
            "ledger: without `owner_url` the broker's user owns the schema, and could change the audit",
            "cache.local: nothing is shared between replicas: for one replica only",
            "databases.spare: no role uses this database",
            "databases.orders.endpoints.legacy.tls.mode: weaker than verify-full, because: its certificate has no name in it until it is replaced in May",
            "roles.orders-writer: no binding names this role: nobody may use it",
            "bindings[1].workloads: this matches everybody whom the issuer vouches for, and public ones vouch for the whole world",
            "operators[0].workloads: this matches everybody whom the issuer vouches for, and public ones vouch for the whole world",
        ]
    );
}
