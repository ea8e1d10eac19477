//! What is not YAML, or not ours.

use super::{EXAMPLE, check, folder, mistakes};

#[test]
fn what_cannot_be_understood_is_named() {
    check(&[
        (
            "  listen: 0.0.0.0:8443",
            "  lisen: 0.0.0.0:8443",
            &["server.lisen: the key `lisen` is not known here; did you mean `listen`?"],
        ),
        (
            "  listen: 0.0.0.0:8443",
            "  listen: everywhere",
            &[r#"server.listen: "everywhere" is not an IP address and a port, like 0.0.0.0:8443"#],
        ),
        ("  listen: 0.0.0.0:8443\n", "", &["server: the key `listen` is missing"]),
        (
            "  listen: 0.0.0.0:8443",
            "  listen: 0.0.0.0:8443\n  listen: 0.0.0.0:8444",
            &[": the key `listen` stands here twice"],
        ),
        ("  listen: 0.0.0.0:8443", "  listen: [0.0.0.0:8443", &[": illegal placement of ':' indicator"]),
        ("server:\n", "sever:\n", &["sever: the key `sever` is not known here; did you mean `server`?"]),
        (
            "    audiences: [",
            "    audience: [",
            &["issuers.cluster.audience: the key `audience` is not known here; did you mean `audiences`?"],
        ),
        (
            "    leeway: 1m",
            "    leeway: 60",
            &[
                r#"issuers.cluster.leeway: "60" is not a duration: write a whole number and a unit, like 500ms, 30s, 15m, 1h30m or 7d"#,
            ],
        ),
        (
            "    leeway: 1m",
            "    leeway: 60x",
            &[
                r#"issuers.cluster.leeway: "60x" is not a duration: write a whole number and a unit, like 500ms, 30s, 15m, 1h30m or 7d"#,
            ],
        ),
        (
            "    head: 32KiB",
            "    head: 32768",
            &[
                r#"server.limits.head: "32768" is not a size: write a whole number and a unit, like 512B, 64KiB or 1MiB"#,
            ],
        ),
        (
            "    head: 32KiB",
            "    head: [1]",
            &["server.limits.head: a number with a unit belongs here, like 15m or 64KiB"],
        ),
        (
            "  grace: 20s",
            "  grace: 20",
            &[
                r#"server.grace: "20" is not a duration: write a whole number and a unit, like 500ms, 30s, 15m, 1h30m or 7d"#,
            ],
        ),
        (
            "  migrate_at_start: false",
            "  migrate_at_start: no",
            &["ledger.migrate_at_start: `true` or `false` belongs here"],
        ),
        (
            "    port: 5432",
            "    port: 70000",
            &["databases.orders.endpoints.primary.port: a value of type u16 belongs here"],
        ),
        (
            "    kind: oidc",
            "    kind: oicd",
            &["issuers.cluster.kind: `oicd` is not one of what can stand here; did you mean `oidc`?"],
        ),
        ("    kind: oidc\n", "", &["issuers.cluster: the key `kind` is missing"]),
        (
            "  algorithms: [RS256, ES256]",
            "  algorithms: [RS256, HS256]",
            &[
                "issuers.cluster.algorithms[1]: `HS256` is not one of what can stand here; did you mean `ES256`?",
            ],
        ),
        (
            "      kind: dynamic_user\n      member_of",
            "      kind: dynamic_users\n      member_of",
            &[
                "roles.orders-reader.credential.kind: `dynamic_users` is not one of what can stand here; did you mean `dynamic_user`?",
            ],
        ),
        (
            "      set_role: orders_read ",
            "      setrole: orders_read ",
            &[
                "roles.orders-reader.credential.setrole: the key `setrole` is not known here; did you mean `set_role`?",
            ],
        ),
        (
            "      connection_limit: 20",
            "      connection_limit: many",
            &[r#"roles.orders-reader.credential.connection_limit: u32 belongs here, not string "many""#],
        ),
        (
            "  url: { file: secrets/ledger-url }",
            "  url: postgres://broker:hunter2@localhost/ledger",
            &[
                "ledger.url: say where the secret is, {file: …} or {env: …}: the secret itself does not belong here",
            ],
        ),
        (
            "  url: { file: secrets/ledger-url }",
            "  url: { path: secrets/ledger-url }",
            &[
                "ledger.url: say where the secret is, {file: …} or {env: …}: the secret itself does not belong here",
            ],
        ),
        (
            "cache:\n  redis:\n",
            "cache:\n  reddis:\n",
            &["cache: `reddis` is not one of what can stand here; did you mean `redis`?"],
        ),
        (
            "engine: postgres",
            "engine: postgress",
            &[
                "databases.orders.engine: `postgress` is not one of what can stand here; did you mean `postgres`?",
            ],
        ),
        (
            "  orders-reader:\n",
            "  Orders-Reader:\n",
            &[
                r#"roles.Orders-Reader: "Orders-Reader" is not a name: use 1 to 63 of a-z, 0-9, '-', '_' and '.', and begin with a letter or a digit"#,
            ],
        ),
        (
            "mode: report",
            "mode: reprot",
            &[
                "databases.orders.sweep.mode: `reprot` is not one of what can stand here; did you mean `report`?",
            ],
        ),
        (
            r#"'"kubernetes.io".pod.uid'"#,
            r#"'"kubernetes.io.pod.uid'"#,
            &[
                r#"issuers.cluster.instance: "\"kubernetes.io.pod.uid" is not the path of a claim: a quote is not closed"#,
            ],
        ),
        (
            r#"{ '"kubernetes.io".namespace': shop }"#,
            "{ 'a..b': shop }",
            &[r#"bindings[0].workloads.claims."a..b": "a..b" is not the path of a claim: a key is missing"#],
        ),
        (
            "2030-01-01T00:00:00Z",
            "tomorrow",
            &[
                r#"issuers.scripts.keys.nightly-report.expires_at: "tomorrow" is not a time (RFC 3339), like 2030-01-31T00:00:00Z"#,
            ],
        ),
        (
            "may: [leases, revoke, audit, rotate]",
            "may: [leases, revoke, audits, rotate]",
            &["operators[0].may[2]: `audits` is not one of what can stand here; did you mean `audit`?"],
        ),
        (
            "{ kind: dynamic_user, member_of: [orders_write], set_role: orders_owner }",
            "{ kind: rotated_password, every: 1d }",
            &[
                "roles.orders-writer.credential: the key `every` is not known here; known are `users`, `rotate`, `adopt`, `access`, `replica`, `cidrs`",
            ],
        ),
    ]);
}

#[test]
fn a_file_that_is_not_one_configuration_is_refused() {
    let folder = folder();
    for (text, said) in [
        ("", "the file is empty, or ends too soon"),
        ("# nothing\n", "the file is empty, or ends too soon"),
        ("- a\n", "expected mapping start"),
        ("server: *nowhere\n", "alias references unknown anchor"),
        (&format!("{EXAMPLE}---\n{EXAMPLE}"), "a second document begins here: the file must hold one"),
        (
            &EXAMPLE.replace("server:", "server: !tag"),
            "a tag does not belong here; a text that begins with `!` must be quoted",
        ),
        ("a: &a [*a]", "recursive references require weak recursion types"),
        ("server:\n\tlisten: a", "tabs disallowed within this context (block indentation)"),
    ] {
        assert_eq!(mistakes(text, folder.path()), [format!(": {said}")], "{text}");
    }
}
