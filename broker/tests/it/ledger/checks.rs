//! The ledger's schema refuses what cannot be.

use crate::stand::{Settings, run, unique, world};

/// The statement that inserts a pending lease, but for some columns.
fn lease(differing: &[(&str, &str)]) -> String {
    let mut columns = vec![
        ("id", "gen_random_uuid()"),
        ("role", "'r'"),
        ("database", "'d'"),
        ("engine", "'postgres'"),
        ("issuer", "'i'"),
        ("subject", "'s'"),
        ("share", "'workload'"),
        ("cache_key", "'k'"),
        ("handle", "'{}'"),
        ("drain_ms", "0"),
        ("state", "'pending'"),
        ("created_at", "now()"),
        ("due_at", "now()"),
    ];
    for (name, value) in differing {
        columns.retain(|(present, _)| present != name);
        columns.push((name, value));
    }
    let (names, values): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    format!("insert into leases ({}) values ({})", names.join(", "), values.join(", "))
}

/// The times of a lease that was active.
const TIMES: [(&str, &str); 4] = [
    ("issued_at", "now()"),
    ("refresh_after", "now() + interval '1s'"),
    ("expires_at", "now() + interval '2s'"),
    ("max_expires_at", "now() + interval '3s'"),
];

/// A lease in this state as it should be, but for some columns.
fn in_state(state: &str, differing: &[(&'static str, &'static str)]) -> String {
    let quoted = format!("'{state}'");
    let mut columns: Vec<(&str, &str)> = vec![("state", &quoted)];
    if matches!(state, "active" | "draining" | "revoked") {
        columns.extend(TIMES);
    }
    if matches!(state, "draining" | "revoked") {
        columns.push(("reason", "'expired'"));
    }
    if matches!(state, "revoked" | "failed") {
        columns.extend([("due_at", "null"), ("ended_at", "now()")]);
    }
    columns.retain(|(name, _)| differing.iter().all(|(other, _)| name != other));
    columns.extend(differing);
    lease(&columns)
}

async fn settings() -> Settings {
    let settings = Settings::new(world().await, &unique()).await;
    settings.migrate().await;
    settings
}

async fn refuses(settings: &Settings, constraint: &str, statement: &str) {
    let outcome = settings.as_owner(statement).await;
    let named = format!("\"{constraint}\"");
    assert!(!outcome.ok && outcome.stderr.contains(&named), "{statement}\n{}", outcome.stderr);
}

#[test]
fn a_lease_as_it_should_be_is_accepted_in_every_state() {
    run(async {
        let settings = settings().await;
        for state in ["pending", "active", "draining", "revoked", "failed"] {
            let outcome = settings.as_owner(&in_state(state, &[])).await;
            assert!(outcome.ok, "{state}: {}", outcome.stderr);
        }
    });
}

#[test]
fn the_columns_of_a_lease_hold_known_words_only() {
    run(async {
        let settings = settings().await;
        let cases = [
            ("leases_state_is_known", lease(&[("state", "'alive'")])),
            ("leases_reason_is_known", in_state("revoked", &[("reason", "'boredom'")])),
            ("leases_share_is_known", lease(&[("share", "'everyone'")])),
            ("leases_drain_is_not_negative", lease(&[("drain_ms", "-1")])),
            ("leases_claim_has_an_end", lease(&[("claim", "gen_random_uuid()")])),
            ("leases_claim_has_an_end", lease(&[("claimed_until", "now()")])),
        ];
        for (constraint, statement) in cases {
            refuses(&settings, constraint, &statement).await;
        }
    });
}

#[test]
fn the_times_of_a_lease_fit_its_state() {
    run(async {
        let settings = settings().await;
        let cases = [
            in_state("pending", &[("issued_at", "now()")]),
            in_state("pending", &[("max_expires_at", "now()")]),
            in_state("pending", &[("due_at", "null")]),
            in_state("pending", &[("ended_at", "now()")]),
            in_state("pending", &[("reason", "'expired'")]),
            in_state("active", &[("issued_at", "null")]),
            in_state("active", &[("refresh_after", "null")]),
            in_state("active", &[("expires_at", "null")]),
            in_state("active", &[("max_expires_at", "null")]),
            in_state("active", &[("due_at", "null")]),
            in_state("active", &[("ended_at", "now()")]),
            in_state("active", &[("reason", "'expired'")]),
            in_state("draining", &[("expires_at", "null")]),
            in_state("draining", &[("due_at", "null")]),
            in_state("draining", &[("ended_at", "now()")]),
            in_state("draining", &[("reason", "null")]),
            in_state("revoked", &[("issued_at", "null")]),
            in_state("revoked", &[("due_at", "now()")]),
            in_state("revoked", &[("ended_at", "null")]),
            in_state("revoked", &[("reason", "null")]),
            in_state("failed", &[("issued_at", "now()")]),
            in_state("failed", &[("due_at", "now()")]),
            in_state("failed", &[("ended_at", "null")]),
            in_state("failed", &[("reason", "'expired'")]),
        ];
        for statement in cases {
            refuses(&settings, "leases_times_fit_the_state", &statement).await;
        }
    });
}

#[test]
fn the_times_of_a_lease_are_in_order() {
    run(async {
        let settings = settings().await;
        for (name, value) in [
            ("refresh_after", "now() - interval '1s'"),
            ("refresh_after", "now() + interval '2500ms'"),
            ("max_expires_at", "now() + interval '1500ms'"),
        ] {
            refuses(&settings, "leases_times_are_in_order", &in_state("active", &[(name, value)])).await;
        }
    });
}

#[test]
fn the_audit_and_the_installation_hold_what_they_should() {
    run(async {
        let settings = settings().await;
        let event = |seq: i64, mac: &str| {
            format!(
                "insert into audit_events (stream, seq, at, action, detail, mac) \
                 values ('00000000-0000-7000-8000-000000000001', {seq}, now(), 'a', '{{}}', {mac})"
            )
        };
        let head = |kind: &str, mac: &str, signature: &str| {
            format!(
                "insert into audit_heads (stream, seq, kind, at, mac, signature) \
                 values ('00000000-0000-7000-8000-000000000001', 1, '{kind}', now(), {mac}, {signature})"
            )
        };
        let (good, short) = ("sha256('')", "'\\x00'::bytea");
        let twice = format!("{}; {}", event(1, good), event(1, good));
        let cases = [
            ("audit_events_count_from_one", event(0, good)),
            ("audit_events_mac_is_sha256", event(1, short)),
            ("audit_events_pkey", twice),
            ("audit_heads_kind_is_known", head("tail", good, good)),
            ("audit_heads_mac_is_sha256", head("head", short, good)),
            ("audit_heads_signature_is_sha256", head("head", good, short)),
            ("installation_pkey", "insert into installation (tag) values ('000000')".to_owned()),
            (
                "installation_is_one",
                "insert into installation (singleton, tag) values (false, '000000')".to_owned(),
            ),
            ("installation_tag_is_plain", "update installation set tag = 'Orders'".to_owned()),
        ];
        for (constraint, statement) in cases {
            refuses(&settings, constraint, &statement).await;
        }
    });
}
