//! Every rule of bindings, patterns and operators.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::*;
use crate::model::{Claims, Principal};

/// Three issuers, a database, two roles.
fn base() -> String {
    "
server: { listen: 127.0.0.1:0, admin_listen: 127.0.0.1:0, plain_http: true }
ledger: { url: { file: url } }
cache: { local: {} }
seal: { keys: [ { id: k, key: { file: key } } ] }
audit: { key: { file: key } }
issuers:
  corp: { kind: api_key, keys: {} }
  cluster-a: { kind: api_key, keys: {} }
  cluster-b: { kind: api_key, keys: {} }
databases:
  db:
    engine: postgres
    dbname: db
    admin: { username: a, password: { file: key } }
    endpoints: { primary: { host: localhost }, replica: { host: localhost } }
roles:
  reader: { database: db, ttl: 1m, credential: { kind: dynamic_user, member_of: [r] } }
  writer: { database: db, ttl: 2m, credential: { kind: dynamic_user, member_of: [w] } }
"
    .to_owned()
}

/// The policy of a configuration that ends in `text`.
fn policy(text: &str) -> Policy {
    policy_of(&base(), text)
}

fn policy_of(base: &str, text: &str) -> Policy {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in
        [("url", "postgres://localhost/a"), ("key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    {
        fs::write(folder.path().join(name), secret).unwrap();
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let config = Config::parse(&format!("{base}{text}"), &folder.path().join("broker.yaml"));
    Policy::new(Arc::new(config.unwrap_or_else(|error| panic!("{error}"))))
}

fn workload(issuer: &str, subject: &str, claims: serde_json::Value) -> Arc<Workload> {
    let serde_json::Value::Object(claims) = claims else { panic!("claims are an object") };
    Arc::new(Workload {
        principal: Principal { issuer: issuer.parse().unwrap(), subject: subject.to_owned() },
        claims: Claims(claims),
        instance: Some("pod-1".to_owned()),
    })
}

fn name(text: &str) -> RoleName {
    text.parse().unwrap()
}

#[test]
fn a_pattern_means_those_who_match_every_part_of_it() {
    let claims = json!({
        "sub": "web",
        "team": "finance",
        "groups": ["dev", "ops", 7, null, {"dev": "x"}, ["inner"]],
        "level": 3,
        "ratio": 1.5,
        "admin": true,
        "nothing": null,
        "empty": [],
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web"}, "pod/x": "y"},
        "kubernetes.io/serviceaccount/name": "flat",
        "text": "true",
    });
    let web = workload("cluster-a", "system:serviceaccount:shop:web", claims);
    for (pattern, matches) in [
        // issuer
        ("{ issuer: cluster-a }", true),
        ("{ issuer: cluster-b }", false),
        ("{ issuer: 'cluster-*' }", true),
        ("{ issuer: 'c*', subject: 'system:*' }", true),
        ("{ issuer: '*b' }", false),
        // subject
        ("{ issuer: cluster-a, subject: 'system:serviceaccount:shop:web' }", true),
        ("{ issuer: cluster-a, subject: 'system:serviceaccount:shop:*' }", true),
        ("{ issuer: cluster-a, subject: 'system:serviceaccount:*:web' }", true),
        ("{ issuer: cluster-a, subject: 'system:serviceaccount:other:*' }", false),
        ("{ issuer: cluster-a, subject: 'system:serviceaccount:shop' }", false),
        ("{ issuer: cluster-a, subject: '*' }", true),
        ("{ issuer: cluster-b, subject: 'system:serviceaccount:shop:web' }", false),
        // text
        ("{ issuer: cluster-a, claims: { team: finance } }", true),
        ("{ issuer: cluster-a, claims: { team: 'fin*' } }", true),
        ("{ issuer: cluster-a, claims: { team: Finance } }", false),
        ("{ issuer: cluster-a, claims: { team: '.*' } }", false),
        ("{ issuer: cluster-a, claims: { missing: '*' } }", false),
        // every one of several
        ("{ issuer: cluster-a, claims: { team: finance, sub: web } }", true),
        ("{ issuer: cluster-a, claims: { team: finance, sub: api } }", false),
        // lists
        ("{ issuer: cluster-a, claims: { groups: ops } }", true),
        ("{ issuer: cluster-a, claims: { groups: 'o*' } }", true),
        ("{ issuer: cluster-a, claims: { groups: 7 } }", true),
        ("{ issuer: cluster-a, claims: { groups: admin } }", false),
        ("{ issuer: cluster-a, claims: { groups: 'null' } }", false),
        ("{ issuer: cluster-a, claims: { groups: x } }", false),
        ("{ issuer: cluster-a, claims: { groups: inner } }", false),
        ("{ issuer: cluster-a, claims: { groups.0: dev } }", false),
        ("{ issuer: cluster-a, claims: { empty: '*' } }", false),
        // numbers, booleans, null, objects
        ("{ issuer: cluster-a, claims: { level: 3 } }", true),
        ("{ issuer: cluster-a, claims: { level: '3' } }", true),
        ("{ issuer: cluster-a, claims: { level: 4 } }", false),
        ("{ issuer: cluster-a, claims: { ratio: 1.5 } }", true),
        ("{ issuer: cluster-a, claims: { admin: true } }", true),
        ("{ issuer: cluster-a, claims: { admin: 'false' } }", false),
        ("{ issuer: cluster-a, claims: { text: 'true' } }", true),
        ("{ issuer: cluster-a, claims: { nothing: '*' } }", false),
        ("{ issuer: cluster-a, claims: { nothing: 'null' } }", false),
        ("{ issuer: cluster-a, claims: { '\"kubernetes.io\"': '*' } }", false),
        // paths
        ("{ issuer: cluster-a, claims: { '\"kubernetes.io\".namespace': shop } }", true),
        ("{ issuer: cluster-a, claims: { '\"kubernetes.io\".serviceaccount.name': web } }", true),
        ("{ issuer: cluster-a, claims: { '\"kubernetes.io\".pod/x': y } }", true),
        ("{ issuer: cluster-a, claims: { '\"kubernetes.io/serviceaccount/name\"': flat } }", true),
        ("{ issuer: cluster-a, claims: { kubernetes.io.namespace: shop } }", false),
        ("{ issuer: cluster-a, claims: { team.name: '*' } }", false),
    ] {
        let policy = policy(&format!("bindings: [ {{ workloads: {pattern}, roles: [reader] }} ]"));
        assert_eq!(policy.authorize(&web, &name("reader")).is_ok(), matches, "{pattern}");
        assert_eq!(policy.roles(&web), if matches { vec![name("reader")] } else { vec![] }, "{pattern}");
    }
}

#[test]
fn a_permit_says_who_may_use_what() {
    let policy = policy("bindings: [ { workloads: { issuer: corp }, roles: [writer], max_leases: 3 } ]");
    let web = workload("corp", "web", json!({}));
    let permit = policy.authorize(&web, &name("writer")).unwrap();
    assert_eq!(permit.workload(), &*web);
    assert_eq!(permit.instance(), Some("pod-1"));
    assert_eq!(permit.name(), &name("writer"));
    assert_eq!(permit.role().ttl, crate::config::Span::secs(120));
    assert_eq!(permit.database_name().as_str(), "db");
    assert_eq!(permit.database().dbname, "db");
    assert_eq!(permit.max_leases(), Some(3));
}

#[test]
fn the_fingerprint_changes_with_what_credentials_are_made_of() {
    let web = workload("corp", "web", json!({}));
    let bindings = "bindings: [ { workloads: { issuer: corp }, roles: [reader, writer], max_leases: 1 } ]";
    let of =
        |text: &str, role: &str| policy(text).authorize(&web, &name(role)).unwrap().fingerprint().to_owned();
    let reader = of(bindings, "reader");
    assert_eq!(reader, of(&bindings.replace("max_leases: 1", "max_leases: 2"), "reader"));
    assert_ne!(reader, of(bindings, "writer"));
    for (from, to) in
        [("member_of: [r]", "member_of: [s]"), ("dbname: db", "dbname: other"), ("localhost", "other")]
    {
        let changed = policy_of(&base().replace(from, to), bindings);
        let permit = changed.authorize(&web, &name("reader")).unwrap();
        assert_ne!(permit.fingerprint(), reader, "{to}");
    }
}

#[test]
fn refusals_tell_the_log_why() {
    let policy = policy("bindings: [ { workloads: { issuer: corp }, roles: [writer] } ]");
    let web = workload("corp", "web", json!({}));
    assert_eq!(policy.authorize(&web, &name("reader")).unwrap_err(), Refusal::NotBound);
    assert_eq!(policy.authorize(&web, &name("ghost")).unwrap_err(), Refusal::UnknownRole);
    let stranger = workload("cluster-a", "web", json!({}));
    assert_eq!(policy.authorize(&stranger, &name("writer")).unwrap_err(), Refusal::NotBound);
    assert_eq!(policy.operate(&web, Right::Audit).unwrap_err(), Refusal::NotOperator(Right::Audit));
}

#[test]
fn without_bindings_nobody_may_do_anything() {
    let policy = policy("");
    let web = workload("corp", "web", json!({}));
    assert!(policy.authorize(&web, &name("reader")).is_err());
    assert!(policy.roles(&web).is_empty());
    assert!(policy.rights(&web).is_empty());
}

#[test]
fn of_several_bindings_the_most_generous_counts() {
    for (limits, expected) in [
        (&["max_leases: 2"][..], Some(2)),
        (&["max_leases: 2", "max_leases: 5", "max_leases: 3"], Some(5)),
        (&["max_leases: 2", "", "max_leases: 9"], None),
        (&[""], None),
    ] {
        let binding =
            |limit: &&str| format!("  - {{ workloads: {{ issuer: corp }}, roles: [reader], {limit} }}\n");
        let other = "  - { workloads: { issuer: cluster-a }, roles: [reader] }\n  - { workloads: { issuer: corp }, roles: [writer] }\n";
        let bindings: String = limits.iter().map(binding).collect();
        let policy = policy(&format!("bindings:\n{other}{bindings}"));
        let permit = policy.authorize(&workload("corp", "web", json!({})), &name("reader")).unwrap();
        assert_eq!(permit.max_leases(), expected, "{limits:?}");
    }
}

#[test]
fn the_roles_of_all_bindings_are_listed_once() {
    let policy = policy(
        "bindings:
  - { workloads: { issuer: corp, subject: 'w*' }, roles: [writer, reader] }
  - { workloads: { issuer: corp, subject: web }, roles: [reader] }
  - { workloads: { issuer: corp, subject: api }, roles: [reader] }
",
    );
    assert_eq!(policy.roles(&workload("corp", "web", json!({}))), [name("reader"), name("writer")]);
    assert_eq!(policy.roles(&workload("corp", "api", json!({}))), [name("reader")]);
    assert!(policy.roles(&workload("corp", "other", json!({}))).is_empty());
}

#[test]
fn operators_have_the_rights_of_all_their_entries_and_no_more() {
    let policy = policy(
        "bindings: [ { workloads: { issuer: corp }, roles: [reader] } ]
operators:
  - { workloads: { issuer: corp, subject: oncall }, may: [leases, revoke] }
  - { workloads: { issuer: corp, claims: { groups: auditors } }, may: [audit] }
",
    );
    let oncall = workload("corp", "oncall", json!({}));
    assert_eq!(policy.rights(&oncall), BTreeSet::from([Right::Leases, Right::Revoke]));
    let permit = policy.operate(&oncall, Right::Revoke).unwrap();
    assert_eq!((permit.principal(), permit.right()), (&oncall.principal, Right::Revoke));
    assert!(policy.operate(&oncall, Right::Audit).is_err());
    assert!(policy.operate(&oncall, Right::Rotate).is_err());
    let both = workload("corp", "oncall", json!({"groups": ["auditors"]}));
    assert_eq!(policy.rights(&both), BTreeSet::from([Right::Leases, Right::Revoke, Right::Audit]));
    // To be bound to a role is no right to operate.
    assert!(policy.rights(&workload("corp", "web", json!({}))).is_empty());
}
