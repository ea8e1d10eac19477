//! Mistakes in what concerns MySQL, and proxies.

use super::check;

#[test]
fn roles_on_mysql() {
    const VERBS: &str = "there are `select`, `insert`, `update`, `delete`, `execute`, `show view`, `create temporary tables`, \
                         `lock tables`, `create`, `alter`, `drop`, `index`, `references`, `trigger`, `create view`, \
                         `create routine`, `event`";
    let unknown = |verb: &str, index: usize| {
        format!(
            "roles.shop-writer.credential.privileges[0].can[{index}]: {verb:?} is nothing that a role can be given; {VERBS}"
        )
    };
    let (all, grant, select) = (unknown("all", 0), unknown("grant option", 1), unknown("SELECT; --", 2));
    check(&[
        ("[select, insert, update]", r#"[all, grant option, "SELECT; --"]"#, &[&all, &grant, &select]),
        (
            "[select, insert, update]",
            "[]",
            &["roles.shop-writer.credential.privileges[0].can: nothing is named, so that nothing is granted"],
        ),
        (
            "[select, insert, update]",
            "[execute, select]",
            &[
                "roles.shop-writer.credential.privileges[0].can[0]: `execute` is for whole databases: say `in: shop.*`",
            ],
        ),
        (
            r#"in: "shop.orders""#,
            "in: shop",
            &[
                r#"roles.shop-writer.credential.privileges[0].in: "shop" is not a place: say `database.*` or `database.table`"#,
            ],
        ),
        (
            r#"in: "shop.orders""#,
            r#"in: "*.orders""#,
            &[
                r#"roles.shop-writer.credential.privileges[0].in: "*.orders" is not a place: say `database.*` or `database.table`"#,
            ],
        ),
        (r#"in: "shop.orders""#, r#"in: "shop.*""#, &[]),
        (r#"in: "shop.orders""#, r#"in: "*.*""#, &[]),
        (
            r#"      privileges: # or member_of
        - { in: "shop.orders", can: [select, insert, update] }"#,
            "      connection_limit: 3000000000",
            &[
                "roles.shop-writer.credential.member_of: the user would be a member of nothing and could do nothing: name a database role, or say what it may do with `privileges`",
                "roles.shop-writer.credential.connection_limit: 3000000000 is more than the 2147483647 of MySQL",
            ],
        ),
        (
            "    ttl: 30m",
            "    ttl: 30m\n    parameters: { wait_timeout: 60 }",
            &[
                "roles.shop-writer.parameters: MySQL and MariaDB have no settings for the sessions of a user: remove them, and let the workload set what it needs",
            ],
        ),
        (
            "      privileges: # or member_of",
            "      set_role: a\n      privileges:",
            &[
                "roles.shop-writer.credential.set_role: the engine `mysql` has no `set_role`; it has `member_of`, `privileges`, `connection_limit`",
            ],
        ),
    ]);
}

#[test]
fn proxies() {
    check(&[
        (
            "          tls: { ca: { file: tls/clients.pem } } # default: as for the endpoint\n          plaintext: false",
            "          plaintext: true",
            &[
                r#"databases.shop.endpoints.primary.via.plaintext: "querycop.example.com" is not a loopback address: passwords would cross the network in the clear. Give the proxy a certificate, or put it beside its clients"#,
            ],
        ),
        (
            "          host: querycop.example.com\n          port: 15336",
            "          host: ::1\n          port: 0",
            &["databases.shop.endpoints.primary.via.port: 0 would let nothing through: at least 1"],
        ),
        (
            "          tls: { ca: { file: tls/clients.pem } } # default: as for the endpoint",
            "          tls: { mode: verify-ca }",
            &[
                "databases.shop.endpoints.primary.via.tls.mode: weaker than verify-full: any server with a certificate of that CA could pose as this one; say why it must be with `because: …`",
            ],
        ),
        (
            "          tls: { ca: { file: tls/clients.pem } } # default: as for the endpoint",
            "          tls: { ca: { file: tls/none.pem } }",
            &[
                "databases.shop.endpoints.primary.via.tls.ca: the file DIR/tls/none.pem cannot be read: No such file or directory (os error 2)",
            ],
        ),
        (
            "        port: 3306",
            "        target_session_attrs: any",
            &[
                "databases.shop.endpoints.primary.target_session_attrs: it is libpq's alone, and the database speaks MySQL: remove it",
            ],
        ),
    ]);
}
