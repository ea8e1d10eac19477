//! Mistakes in databases at RDS.

use super::{changed, check, folder};
use crate::config::{Config, RdsCredentials};

/// Everything from `roles:` on follows a database at RDS with a role of its own.
fn rds(database: &str, role: &str) -> String {
    format!(
        "  billing:
    engine: rds
    dbname: billing
    endpoints: {{ primary: {{ host: billing.abc.eu-central-1.rds.amazonaws.com }} }}
{database}

# Which sets of privileges can be asked for.
roles:
  billing-reader:
    database: billing
{role}
"
    )
}

#[test]
fn databases_at_rds() {
    const KEY: &str =
        "{ static: { access_key_id: AKIA1, secret_access_key: { file: secrets/orders-admin } } }";
    const TOKEN: &str = "    credential: { kind: connect_token, username: billing_reader }\n    ttl: 15m";
    const USER: &str = "    credential: { kind: dynamic_user, member_of: [billing_read] }\n    ttl: 1h";
    let with = |credentials: &str| {
        format!("    rds: {{ protocol: postgres, region: eu-central-1, credentials: {credentials} }}")
    };
    let admin = |rest: &str| format!("    admin: {{ username: broker_admin }}\n{rest}");
    let none = "    rds: { protocol: postgres, region: eu-central-1 }";
    let web = |rest: &str| with(&format!("{{ web_identity: {{ token_file: token, {rest} }} }}"));
    let rows: [(String, &[&str]); 14] = [
        (rds(&with(KEY), TOKEN), &[]),
        (rds(&admin(&with(KEY)), USER), &[]),
        (rds(&with("{ instance_role: {} }"), TOKEN), &[]),
        (rds(&with("{ instance_role: { url: 'http://[fd00:ec2::254]' } }"), TOKEN), &[]),
        (rds(&web("role_arn: arn:aws:iam::123456789012:role/x"), TOKEN), &[]),
        (
            rds(none, TOKEN),
            &[
                "roles.billing-reader.credential.kind: nothing signs tokens: give `databases.billing.rds.credentials`",
            ],
        ),
        (
            rds(&with(KEY), USER),
            &[
                "roles.billing-reader.credential.kind: this is done by the broker's own user there: give `databases.billing.admin`",
            ],
        ),
        (
            rds(
                &admin(&with(KEY)),
                &USER.replace("member_of: [billing_read]", "privileges: [{ on: 'a.*', can: [select] }]"),
            ),
            &[
                "roles.billing-reader.credential.privileges: Postgres has them from its roles: use `member_of`",
            ],
        ),
        (
            rds(&admin(none), USER),
            &[
                "databases.billing.admin.password: give it, or the `rds.credentials` that sign a token in its place",
            ],
        ),
        (
            rds(&with(KEY), &TOKEN.replace("15m", "16m\n    max_ttl: 1h\n    parameters: { work_mem: 1MB }")),
            &[
                "roles.billing-reader.ttl: 16m is more than the 15m for which a token of RDS can start sessions",
                "roles.billing-reader.max_ttl: 1h is more than the 15m for which a token of RDS can start sessions",
                "roles.billing-reader.parameters: nothing sets them for a user that was there before: ALTER ROLE … SET … once for all",
            ],
        ),
        (
            rds(&with("{ instance_role: { url: 'http://metadata.example.com' } }"), TOKEN),
            &[
                "databases.billing.rds.credentials.instance_role.url: \"http://metadata.example.com\" is not http on a link-local or loopback address: without TLS anyone on a longer way could read the credentials",
            ],
        ),
        (
            rds(&web("role_arn: dsn-broker"), TOKEN),
            &[
                "databases.billing.rds.credentials.web_identity.role_arn: \"dsn-broker\" is not the ARN of a role: arn:aws:iam::…:role/…",
            ],
        ),
        (
            rds(&web("role_arn: arn:aws:iam::1:role/x, sts_url: http://sts.example.com"), TOKEN),
            &[
                "databases.billing.rds.credentials.web_identity.sts_url: \"http://sts.example.com\" must be https: without TLS anyone on the way can give out keys of their own",
            ],
        ),
        (
            rds(&with(KEY).replace("eu-central-1", "eu/central"), TOKEN),
            &["databases.billing.rds.region: \"eu/central\" is not a name: use a-z, 0-9, '-', '_' and '.'"],
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(text, said)| ("# Which sets of privileges can be asked for.\nroles:\n", text.as_str(), *said))
        .collect();
    check(&rows);
}

#[test]
fn mysql_at_rds() {
    const KEY: &str =
        "{ static: { access_key_id: AKIA1, secret_access_key: { file: secrets/orders-admin } } }";
    const TOKEN: &str = "    credential: { kind: connect_token, username: billing_reader }\n    ttl: 15m";
    const USER: &str =
        "    credential: { kind: dynamic_user, privileges: [{ on: 'a.*', can: [select] }] }\n    ttl: 1h";
    let section = format!("    rds: {{ protocol: mysql, region: eu-central-1, credentials: {KEY} }}");
    let admin = format!("    admin: {{ username: broker_admin }}\n{section}");
    let weak = |text: String| {
        let endpoint = "amazonaws.com, tls: { mode: verify-ca, because: none } } }";
        text.replace("amazonaws.com } }", endpoint)
    };
    let plain = |text: String| {
        let endpoint = "amazonaws.com, via: { host: 127.0.0.1, port: 6033, plaintext: true } } }";
        text.replace("amazonaws.com } }", endpoint)
    };
    let password = "username: broker_admin, password: { file: secrets/orders-admin }";
    let said = "roles.billing-reader.endpoints: through `primary` a token would cross in clear text to a server, or a proxy, that is not verified in full: name the endpoints that are";
    let postgres = section.replace("mysql", "postgres");
    let rows: [(String, &[&str]); 11] = [
        (weak(rds(&postgres, TOKEN)), &[said]),
        (plain(rds(&postgres, TOKEN)), &[]),
        (rds(&section, TOKEN), &[]),
        (rds(&admin, USER), &[]),
        (plain(rds(&admin, USER)), &[]),
        (weak(rds(&admin.replace("username: broker_admin", password), USER)), &[]),
        (
            weak(rds(&admin, USER)),
            &[
                "databases.billing.admin.password: without one a token would cross in clear text to a server that is not verified in full: give it, or an `endpoint` that is",
            ],
        ),
        (weak(rds(&section, TOKEN)), &[said]),
        (plain(rds(&section, TOKEN)), &[said]),
        (
            rds(&admin, &USER.replace("privileges", "set_role: x, databases: [b], privileges")),
            &[
                "roles.billing-reader.credential.set_role: MySQL has no such thing: remove it",
                "roles.billing-reader.credential.databases: MySQL has no such thing: remove it",
            ],
        ),
        (
            rds(
                &section,
                &TOKEN
                    .replace("billing_reader", &"x".repeat(33))
                    .replace("15m", "15m\n    parameters: { a: b }"),
            ),
            &[
                "roles.billing-reader.credential.username: 33 characters are more than the 32 of a user of MySQL",
                "roles.billing-reader.parameters: MySQL and MariaDB have no settings for the sessions of a user: remove them, and let the workload set what it needs",
            ],
        ),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(text, said)| ("# Which sets of privileges can be asked for.\nroles:\n", text.as_str(), *said))
        .collect();
    check(&rows);
}

#[test]
fn the_engine_itself_reads_again_what_is_replaced_often() {
    let credentials = "{ file: { path: aws } }";
    let database =
        format!("    rds: {{ protocol: postgres, region: eu-central-1, credentials: {credentials} }}");
    let role = "    credential: { kind: connect_token, username: billing_reader }\n    ttl: 15m";
    let text = changed("# Which sets of privileges can be asked for.\nroles:\n", &rds(&database, role));
    let folder = folder();
    let config = Config::parse(&text, &folder.path().join("broker.yaml")).unwrap();
    let billing = &config.databases[&"billing".parse().unwrap()];
    let Some(RdsCredentials::File { path, profile }) = &billing.rds.as_ref().unwrap().credentials else {
        panic!()
    };
    assert_eq!((path, profile.as_str()), (&folder.path().join("aws"), "default"));
    assert!(!config.files().contains(path) && !billing.files().contains(path));
}

#[test]
fn an_alias_may_be_meant() {
    let credentials = "{ instance_role: {} }";
    let database =
        format!("    rds: {{ protocol: postgres, region: eu-central-1, credentials: {credentials} }}");
    let role = "    credential: { kind: connect_token, username: billing_reader }\n    ttl: 15m";
    let text = changed("# Which sets of privileges can be asked for.\nroles:\n", &rds(&database, role));
    let folder = folder();
    for (host, doubted) in [
        ("billing.abc.eu-central-1.rds.amazonaws.com", false),
        ("billing.abc.cn-north-1.RDS.amazonaws.com.cn", false),
        ("billing.db.example.com", true),
    ] {
        let text = text.replace("billing.abc.eu-central-1.rds.amazonaws.com", host);
        let config = Config::parse(&text, &folder.path().join("broker.yaml")).unwrap();
        let warnings = config.warnings();
        let found =
            warnings.iter().any(|warning| &*warning.key == "databases.billing.endpoints.primary.host");
        assert_eq!(found, doubted, "{host}");
    }
}
