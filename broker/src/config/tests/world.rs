//! Mistakes in what the broker serves: issuers, databases, roles, bindings.

use super::check;

#[test]
fn issuers() {
    check(&[
        (
            "issuer: https://oidc.cluster.example.com",
            "issuer: http://oidc.cluster.example.com",
            &[
                r#"issuers.cluster.issuer: "http://oidc.cluster.example.com" must be https: without TLS anyone on the way can give out keys of their own"#,
            ],
        ),
        (
            "issuer: https://oidc.cluster.example.com",
            "issuer: ftp://oidc.cluster.example.com",
            &[r#"issuers.cluster.issuer: "ftp://oidc.cluster.example.com" is not an https URL"#],
        ),
        (
            "issuer: https://oidc.cluster.example.com",
            "issuer: cluster",
            &[r#"issuers.cluster.issuer: "cluster" is not a URL: relative URL without a base"#],
        ),
        (
            "jwks: discovery",
            "jwks: { url: 'http://keys.example.com/jwks' }",
            &[
                r#"issuers.cluster.jwks.url: "http://keys.example.com/jwks" must be https: without TLS anyone on the way can give out keys of their own"#,
            ],
        ),
        (
            "jwks: discovery",
            "jwks: { file: jwks.json }",
            &[
                "issuers.cluster.jwks.file: the file DIR/jwks.json cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "jwks: discovery",
            "jwks: { file: secrets/orders-admin }",
            &[
                "issuers.cluster.jwks.file: DIR/secrets/orders-admin is not JSON: expected value at line 1 column 1",
            ],
        ),
        (
            "jwks: discovery",
            "jwks: { file: tls/empty.json }",
            &[
                "issuers.cluster.jwks.file: DIR/tls/empty.json is not a JWK Set: it has no `keys` (RFC 7517 §5)",
            ],
        ),
        (
            "    audiences: [dsn-broker]",
            "    audiences: []",
            &[
                "issuers.cluster.audiences: without an audience a token that was meant for another service would be accepted: name the broker's",
            ],
        ),
        (
            "    audiences: [dsn-broker]",
            "    audiences: [a, '', a]",
            &[
                "issuers.cluster.audiences[1]: it is empty",
                "issuers.cluster.audiences[2]: `a` stands here twice",
            ],
        ),
        (
            "algorithms: [RS256, ES256]",
            "algorithms: []",
            &[
                "issuers.cluster.algorithms: no algorithm is allowed: name those that the issuer signs with, e.g. RS256",
            ],
        ),
        ("    leeway: 1m", "    leeway: 1h", &["issuers.cluster.leeway: 1h is too long: at most 10m"]),
        (
            "    max_token_life: 1d",
            "    max_token_life: 0s",
            &["issuers.cluster.max_token_life: 0s is too short: at least 1s"],
        ),
        (
            "    cool_down: 30s",
            "    cool_down: 0s",
            &["issuers.cluster.cool_down: 0s is too short: at least 1s"],
        ),
        (
            "  scripts:\n    kind: api_key",
            "  second: {kind: oidc, issuer: 'https://oidc.cluster.example.com', audiences: [a], algorithms: [RS256]}\n  scripts:\n    kind: api_key",
            &[
                "issuers.second.issuer: the issuer `cluster` has the same: whose token it is could not be told",
            ],
        ),
        (
            "      - dsn-broker\n    algorithms: [RS256, ES256, ES384]",
            "      - https://kubernetes.default.svc.cluster.local\n    algorithms: []",
            &[
                "issuers.pods.audiences[0]: tokens for the API server itself would be accepted, and whoever reads one here could use it there: name an audience of the broker's own, and let pods project a token for that",
                "issuers.pods.algorithms: no algorithm is allowed: name those that the issuer signs with, e.g. RS256",
            ],
        ),
        (
            "    token_file: secrets/pod-token # the broker's own",
            "    token_file: secrets/missing # the broker's own",
            &[
                "issuers.pods.token_file: the file DIR/secrets/missing cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "    jwks: { url: \"https://kubernetes.default.svc/openid/v1/jwks\" } # default: discovery",
            "    jwks: { file: tls/ca.pem }",
            &[
                "issuers.pods.jwks.file: DIR/tls/ca.pem is not JSON: invalid number at line 1 column 2",
                "issuers.pods.token_file: `jwks` is a file: nobody is asked for keys, remove this",
            ],
        ),
        (
            "      cache: 30s",
            "      cache: 1h",
            &["issuers.pods.token_review.cache: 1h is too long: at most 10m"],
        ),
        (
            "      url: https://kubernetes.default.svc\n",
            "      url: http://kubernetes.default.svc\n",
            &[
                r#"issuers.pods.token_review.url: "http://kubernetes.default.svc" must be https: without TLS anyone on the way can give out keys of their own"#,
            ],
        ),
        (
            "    trust_domain: example.org",
            "    trust_domain: spiffe://example.org",
            &["issuers.mesh: its trust domain is not 1 to 255 of a-z, 0-9, '.', '-' and '_'"],
        ),
        ("    bundle: { file: tls/bundle.json }", "    bundle: { file: tls/ca.pem }", &[]),
        (
            "    bundle: { file: tls/bundle.json }",
            "    bundle: { file: secrets/audit-key }",
            &["issuers.mesh.bundle.file: DIR/secrets/audit-key has no certificate in it: it must be PEM"],
        ),
        (
            "    bundle: { file: tls/bundle.json }",
            "    bundle: { url: \"http://spire.example.org\" }",
            &[
                r#"issuers.mesh.bundle.url: "http://spire.example.org" must be https: without TLS anyone on the way can give out keys of their own"#,
            ],
        ),
        (
            "    svid: [x509, jwt]\n    audiences: # of JWT-SVIDs\n      - dsn-broker\n",
            "    algorithms: [ES256, EdDSA]\n",
            &[
                "issuers.mesh.audiences: without an audience a token that was meant for another service would be accepted: name the broker's",
                "issuers.mesh.algorithms[1]: JWT-SVIDs are never signed with EdDSA",
            ],
        ),
        (
            "    paths: [\"/ns/shop/*\"]",
            "    paths: [ns/shop/*]",
            &["issuers.mesh.paths[0]: the paths of SPIFFE IDs begin with a slash: `/ns/shop/*`?"],
        ),
        (
            "        sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            "        sha256: secret",
            &[
                "issuers.scripts.keys.nightly-report.sha256: it is not the SHA-256 of a key, 64 hexadecimal digits: `dsn-broker api-key new` prints one",
            ],
        ),
        (
            "    keys: # made",
            "    keys:\n      other: { sha256: 2C26B46B68FFC68FF99B453C1D30413413422D706483BFA0F98A5E886266E7AE } # made",
            &[
                "issuers.scripts.keys.other.sha256: `scripts/nightly-report` has the same key: whose it is could not be told",
            ],
        ),
    ]);
}

#[test]
fn databases() {
    check(&[
        ("    dbname: orders", "    dbname: ''", &["databases.orders.dbname: it is empty"]),
        (
            "      endpoint: primary",
            "      endpoint: direct",
            &[
                "databases.orders.admin.endpoint: the database has no endpoint `direct`; it has `legacy`, `primary`",
            ],
        ),
        (
            "      username: dsn_broker",
            "      username: ' '",
            &["databases.orders.admin.username: it is empty"],
        ),
        (
            "secrets/orders-admin",
            "secrets/open",
            &[
                "databases.orders.admin.password: the secret file DIR/secrets/open has mode 0644: others can read or change it. Say `chmod 640 DIR/secrets/open`, or in Kubernetes `defaultMode: 0440` on the volume",
            ],
        ),
        (
            "        host: orders.db.example.com",
            "        host: /var/run/postgresql",
            &[
                r#"databases.orders.endpoints.primary.host: "/var/run/postgresql" is not one host name or address, as it stands in the server's certificate"#,
            ],
        ),
        (
            "        host: orders.db.example.com",
            "        host: a.example.com,b.example.com",
            &[
                r#"databases.orders.endpoints.primary.host: "a.example.com,b.example.com" is not one host name or address, as it stands in the server's certificate"#,
            ],
        ),
        (
            "        port: 5432",
            "        port: 0",
            &["databases.orders.endpoints.primary.port: 0 would let nothing through: at least 1"],
        ),
        (
            "target_session_attrs: read-write",
            "target_session_attrs: readwrite",
            &[
                r#"databases.orders.endpoints.primary.target_session_attrs: libpq does not know "readwrite"; it knows `any`, `read-write`, `read-only`, `primary`, `standby`, `prefer-standby`"#,
            ],
        ),
        (
            "        connect_timeout: 10s",
            "        connect_timeout: 1500ms",
            &[
                "databases.orders.endpoints.primary.connect_timeout: 1s500ms is not a number of whole seconds, at least 1s",
            ],
        ),
        (
            "          because: its certificate has no name in it until it is replaced in May\n",
            "",
            &[
                "databases.orders.endpoints.legacy.tls.mode: weaker than verify-full: any server with a certificate of that CA could pose as this one; say why it must be with `because: …`",
            ],
        ),
        (
            "          because: its certificate has no name in it until it is replaced in May",
            "          because: ' '",
            &[
                "databases.orders.endpoints.legacy.tls.mode: weaker than verify-full: any server with a certificate of that CA could pose as this one; say why it must be with `because: …`",
            ],
        ),
        (
            "          mode: verify-ca",
            "          mode: verify-full",
            &[
                "databases.orders.endpoints.legacy.tls.because: nothing is weakened here: remove it, or say what with `mode`",
            ],
        ),
        (
            "          ca: { file: tls/ca.pem } # default: as",
            "          ca: { file: tls/missing.pem } # default: as",
            &[
                "databases.orders.endpoints.legacy.tls.ca: the file DIR/tls/missing.pem cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "    concurrency: 8\n",
            "    concurrency: 0\n",
            &["databases.orders.concurrency: 0 would let nothing through: at least 1"],
        ),
        ("every: 10m }", "every: 0s }", &["databases.orders.sweep.every: 0s is too short: at least 1s"]),
    ]);
}

#[test]
fn roles() {
    check(&[
        (
            "    database: orders\n    credential:\n",
            "    database: invoices\n    credential:\n",
            &[
                "roles.orders-reader.database: there is no database `invoices`; there are `branch-my`, `branch-pg`, `ninth`, `orders`, `payments`, `project`, `shop`",
            ],
        ),
        (
            "    endpoints: [primary] # the",
            "    endpoints: [primary, replica, primary] # the",
            &[
                "roles.orders-reader.endpoints[1]: the database `orders` has no endpoint `replica`; it has `legacy`, `primary`",
                "roles.orders-reader.endpoints[2]: `primary` stands here twice",
            ],
        ),
        ("    ttl: 15m", "    ttl: 5s", &["roles.orders-reader.ttl: 5s is too short: at least 10s"]),
        ("    ttl: 15m", "    ttl: 13h", &["roles.orders-reader.ttl: 13h is above `max_ttl`, 12h"]),
        (
            "member_of: [orders_write], set_role: orders_owner",
            "member_of: []",
            &[
                "roles.orders-writer.credential.member_of: the user would be a member of nothing and could do nothing: name a database role",
            ],
        ),
        (
            "member_of: [orders_write]",
            "member_of: [orders_write, '', orders_write]",
            &[
                r#"roles.orders-writer.credential.member_of[1]: "" is not a name in Postgres: 1 to 63 bytes"#,
                "roles.orders-writer.credential.member_of[2]: `orders_write` stands here twice",
            ],
        ),
        (
            "set_role: orders_owner",
            "set_role: oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo",
            &[
                r#"roles.orders-writer.credential.set_role: "oooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo" is not a name in Postgres: 1 to 63 bytes"#,
            ],
        ),
        (
            "connection_limit: 20",
            "connection_limit: 0",
            &[
                "roles.orders-reader.credential.connection_limit: 0 would let nobody in: at least 1, or none at all",
            ],
        ),
        (
            "connection_limit: 20",
            "connection_limit: 4000000000",
            &[
                "roles.orders-reader.credential.connection_limit: 4000000000 is more than the 2147483647 of Postgres",
            ],
        ),
        (
            "{ statement_timeout: 30s, search_path: app }",
            r#"{ role: admin, session_authorization: admin, 'x; drop': 1, TimeZone: utc, search_path: "a\nb" }"#,
            &[
                "roles.orders-reader.parameters.role: `role` decides who the user is, and is not a setting: see `set_role`",
                "roles.orders-reader.parameters.session_authorization: `session_authorization` decides who the user is, and is not a setting: see `set_role`",
                r#"roles.orders-reader.parameters."x; drop": "x; drop" is not the name of a setting: use a-z, 0-9, '_' and '.'"#,
                r#"roles.orders-reader.parameters.TimeZone: "TimeZone" is not the name of a setting: use a-z, 0-9, '_' and '.'"#,
                "roles.orders-reader.parameters.search_path: the value has a control character in it",
            ],
        ),
        (
            "{ kind: dynamic_user, member_of: [orders_write], set_role: orders_owner }",
            "{ kind: connect_token, username: writer }",
            &[
                "roles.orders-writer.credential.kind: the engine `postgres` has no `connect_token`; it has `dynamic_user`, `rotated_password`",
            ],
        ),
        (
            "{ kind: dynamic_user, member_of: [orders_write], set_role: orders_owner }",
            "{ kind: dynamic_user, access: reader, cidrs: [10.0.0.0/8], member_of: [orders_write] }",
            &[
                "roles.orders-writer.credential.access: the engine `postgres` has no `access`; it has `member_of`, `set_role`, `connection_limit`, `databases`",
                "roles.orders-writer.credential.cidrs: the engine `postgres` has no `cidrs`; it has `member_of`, `set_role`, `connection_limit`, `databases`",
            ],
        ),
        (
            "{ kind: dynamic_user, member_of: [orders_write], set_role: orders_owner }",
            "{ kind: rotated_password, users: [a, a], rotate: { every: 59m }, adopt: { username: b, password: { file: secrets/empty } } }",
            &[
                "roles.orders-writer.credential.users[1]: it is the same user twice: one rests while the other is used",
                "roles.orders-writer.credential.rotate.every: 59m is shorter than `ttl`, 1h: a password would end sooner than promised",
                "roles.orders-writer.credential.adopt.username: `b` is not one of `a`, `a`",
                "roles.orders-writer.credential.adopt.password: the secret in DIR/secrets/empty is empty",
            ],
        ),
        (
            "{ kind: dynamic_user, member_of: [orders_write], set_role: orders_owner }",
            "{ kind: rotated_password, users: [a, b], rotate: { at: [noon] } }",
            &[
                "roles.orders-writer.credential.rotate.at[0]: \"noon\" is not a moment: `03:00` is each day, `sun 03:00` each week (UTC)",
            ],
        ),
    ]);
}

#[test]
fn bindings_and_operators() {
    check(&[
        (
            "    roles: [orders-reader]\n",
            "    roles: [orders-reder]\n",
            &[
                "bindings[1].roles[0]: there is no role `orders-reder`; there are `branch-my-reader`, `branch-my-report`, `branch-pg-reader`, `branch-pg-report`, `ninth-app`, `ninth-reader`, `ninth-report`, `orders-reader`, `orders-report`, `orders-writer`, `payments-app`, `payments-reader`, `payments-report`, `project-reader`, `project-report`, `shop-report`, `shop-writer`",
            ],
        ),
        (
            "    roles: [orders-reader]\n",
            "    roles: []\n",
            &["bindings[1].roles: no role is named, so that the binding grants nothing"],
        ),
        (
            "    roles: [orders-reader, orders-writer, shop-writer]",
            "    roles: [orders-reader, orders-writer, orders-reader]",
            &["bindings[0].roles[2]: `orders-reader` stands here twice"],
        ),
        (
            "max_leases: 200",
            "max_leases: 0",
            &["bindings[0].max_leases: 0 would let nobody in: at least 1, or remove the binding"],
        ),
        (
            "{ issuer: scripts, claims: { team: finance } }",
            "{ issuer: script, claims: { team: finance } }",
            &[
                "bindings[1].workloads.issuer: no issuer is called `script`; there are `cluster`, `mesh`, `pods`, `scripts`",
            ],
        ),
        (
            "{ issuer: scripts, claims: { team: finance } }",
            "{ issuer: '*' }",
            &[
                "bindings[1].workloads: this matches everybody whom any issuer vouches for: name one issuer, a subject or a claim",
            ],
        ),
        (
            "{ issuer: scripts, claims: { team: finance } }",
            "{ issuer: '*s*', subject: '**', claims: { team: '*' } }",
            &[
                "bindings[1].workloads: this matches everybody whom any issuer vouches for: name one issuer, a subject or a claim",
            ],
        ),
        (
            "{ issuer: scripts, claims: { team: finance } }",
            "{ issuer: scripts, subject: '', claims: { team: '' } }",
            &["bindings[1].workloads.subject: it is empty", "bindings[1].workloads.claims.team: it is empty"],
        ),
        (
            r#"{ issuer: cluster, subject: "system:serviceaccount:platform:oncall" }"#,
            "{ issuer: '*' }",
            &[
                "operators[0].workloads: this matches everybody whom any issuer vouches for: name one issuer, a subject or a claim",
            ],
        ),
        (
            "may: [leases, revoke, audit, rotate]",
            "may: []",
            &["operators[0].may: no right is named, so that nothing is granted"],
        ),
    ]);
}

#[test]
fn what_is_unusual_but_right_is_let_through() {
    check(&[
        ("secrets/redis-url }", "secrets/redis-loopback }", &[]),
        ("issuer: https://oidc.cluster.example.com", "issuer: http://127.0.0.1:8080/a", &[]),
        ("        host: orders.db.example.com", "        host: '::1'", &[]),
        ("share: instance", "share: role", &[]),
        (
            "{ issuer: scripts, claims: { team: finance } }",
            "{ issuer: '*', subject: 'a*', claims: { team: '*' } }",
            &[],
        ),
        ("{ issuer: scripts, claims: { team: finance } }", "{ issuer: scripts }", &[]),
    ]);
}
