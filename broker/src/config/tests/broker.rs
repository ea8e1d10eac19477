//! Mistakes in what the broker itself needs.

use super::check;

#[test]
fn server() {
    check(&[
        (
            "  tls:\n    cert: tls/server.crt\n    key: tls/server.key\n",
            "",
            &[
                "server: the public listener has no certificate: give `tls: {cert, key}`, or on a loopback address `plain_http: true`",
            ],
        ),
        (
            "  plain_http: false",
            "  plain_http: true",
            &["server.plain_http: `tls` is given too: the listener speaks one of them, remove the other"],
        ),
        (
            "  tls:\n    cert: tls/server.crt\n    key: tls/server.key\n  plain_http: false",
            "  plain_http: true",
            &[
                "server.plain_http: 0.0.0.0:8443 is not a loopback address: proofs and passwords would cross the network in the clear",
            ],
        ),
        (
            "admin_listen: 127.0.0.1:9090",
            "admin_listen: 127.0.0.1:8443",
            &["server.admin_listen: 127.0.0.1:8443 is where `listen` listens"],
        ),
        (
            "    cert: tls/server.crt",
            "    cert: tls/missing.crt",
            &[
                "server.tls.cert: the file DIR/tls/missing.crt cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "    cert: tls/server.crt",
            "    cert: tls/server.key",
            &["server.tls.cert: DIR/tls/server.key has no certificate in it: it must be PEM"],
        ),
        (
            "    key: tls/server.key",
            "    key: tls/ca.pem",
            &["server.tls.key: DIR/tls/ca.pem has no private key in it: it must be PEM"],
        ),
        (
            "    key: tls/server.key",
            "    key: tls/other.key",
            &[
                "server.tls.key: DIR/tls/other.key and DIR/tls/server.crt do not go together: keys may not be consistent: KeyMismatch",
            ],
        ),
        (
            "    key: tls/server.key",
            "    key: tls/open.key",
            &[
                "server.tls.key: the secret file DIR/tls/open.key has mode 0644: others can read or change it. Say `chmod 640 DIR/tls/open.key`, or in Kubernetes `defaultMode: 0440` on the volume",
            ],
        ),
        ("    body: 64KiB", "    body: 0B", &["server.limits.body: 0 would let nothing through: at least 1"]),
        (
            "    concurrency: 1024",
            "    concurrency: 0",
            &["server.limits.concurrency: 0 would let nothing through: at least 1"],
        ),
        (
            "per_second: 50, burst: 500",
            "per_second: 0, burst: 0",
            &[
                "server.limits.rate.per_second: 0 would let nothing through: at least 1",
                "server.limits.rate.burst: 0 would let nothing through: at least 1",
            ],
        ),
        (
            "    request_timeout: 30s",
            "    request_timeout: 0s",
            &["server.limits.request_timeout: 0s is too short: at least 10ms"],
        ),
        (
            "  reload_every: 2s",
            "  reload_every: 0s",
            &["server.reload_every: 0s is too short: at least 10ms"],
        ),
    ]);
}

#[test]
fn ledger() {
    check(&[
        (
            "secrets/ledger-url }",
            "secrets/missing }",
            &[
                "ledger.url: the secret file DIR/secrets/missing cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "secrets/ledger-url }",
            "secrets/open }",
            &[
                "ledger.url: the secret file DIR/secrets/open has mode 0644: others can read or change it. Say `chmod 640 DIR/secrets/open`, or in Kubernetes `defaultMode: 0440` on the volume",
            ],
        ),
        (
            "secrets/ledger-url }",
            "secrets/empty }",
            &["ledger.url: the secret in DIR/secrets/empty is empty"],
        ),
        (
            "secrets/ledger-url }",
            "secrets/orders-admin }",
            &["ledger.url: what it refers to is not a URL like postgres://user:password@host/ledger"],
        ),
        (
            "{ file: secrets/ledger-url }",
            "{ env: DSN_BROKER_TEST_NOT_SET }",
            &["ledger.url: the environment variable DSN_BROKER_TEST_NOT_SET is not set to a text"],
        ),
        (
            "secrets/ledger-owner-url }",
            "secrets/redis-url }",
            &["ledger.owner_url: what it refers to is not a URL like postgres://user:password@host/ledger"],
        ),
        (
            "  connections: 8",
            "  connections: 0",
            &["ledger.connections: 0 would let nothing through: at least 1"],
        ),
        ("  queue: 4096", "  queue: 0", &["ledger.queue: 0 would let nothing through: at least 1"]),
        ("  timeout: 5s", "  timeout: 0s", &["ledger.timeout: 0s is too short: at least 10ms"]),
    ]);
}

#[test]
fn cache() {
    check(&[
        (
            "secrets/redis-url }",
            "secrets/redis-plain }",
            &[
                "cache.redis.url: what it refers to begins with redis://, which is without TLS: write rediss:// (redis:// only on loopback)",
            ],
        ),
        (
            "secrets/redis-url }",
            "secrets/redis-many }",
            &["cache.redis.url: it refers to several servers: say `cluster: true` or `sentinel_master: …`"],
        ),
        (
            "secrets/redis-url }",
            "secrets/orders-admin }",
            &["cache.redis.url: what it refers to is not a URL like rediss://user:password@host:6379/0"],
        ),
        (
            "    # sentinel_master: main         # when the URLs are those of Sentinels\n    cluster: false",
            "    sentinel_master: main\n    cluster: true",
            &[
                "cache.redis.sentinel_master: a Cluster has no Sentinels: remove `sentinel_master` or `cluster`",
            ],
        ),
        (r#"prefix: "dsn:""#, r#"prefix: """#, &["cache.redis.prefix: it is empty"]),
        ("    timeout: 500ms", "    timeout: 0s", &["cache.redis.timeout: 0s is too short: at least 10ms"]),
    ]);
}

#[test]
fn seal_and_audit() {
    check(&[
        (
            "    - { id: k2, key: { file: secrets/seal-k2 } }\n    - { id: k1, key: { file: secrets/seal-k1 } }\n",
            "    []\n",
            &["seal.keys: there is no key: the first one seals, so that there must be one"],
        ),
        ("{ id: k2,", "{ id: k1,", &["seal.keys[1].id: another key has the id `k1` too"]),
        (
            "{ id: k2,",
            "{ id: K_2,",
            &[r#"seal.keys[0].id: "K_2" is not the id of a key: use 1 to 32 of a-z, 0-9 and '-'"#],
        ),
        (
            "secrets/seal-k2",
            "secrets/orders-admin",
            &[
                "seal.keys[0].key: the key in DIR/secrets/orders-admin is not base64; make one with `openssl rand -base64 32`",
            ],
        ),
        (
            "secrets/seal-k2",
            "secrets/short-key",
            &[
                "seal.keys[0].key: the key in DIR/secrets/short-key is 3 bytes long, not 32; make one with `openssl rand -base64 32`",
            ],
        ),
        (
            "secrets/audit-key",
            "secrets/short-key",
            &[
                "audit.key: the key in DIR/secrets/short-key is 3 bytes long, not 32; make one with `openssl rand -base64 32`",
            ],
        ),
        ("  retention: 365d", "  retention: 1h", &["audit.retention: 1h is too short: at least 1d"]),
        ("  heads_every: 1m", "  heads_every: 0s", &["audit.heads_every: 0s is too short: at least 1s"]),
    ]);
}
