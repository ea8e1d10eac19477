//! All formats × engines × endpoints × choices of the CA, written down and reviewed like code: `golden/<format>.txt`.
//!
//! `make generate` writes them anew.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use dsn_broker::dsn::reader::Ca;
use dsn_broker::dsn::{Format, Mode, Target, Trust};
use dsn_broker::model::Protocol::{self, Mysql, Postgres};
use dsn_broker::secret::Secret;

use crate::stand::repository;

#[test]
fn what_each_format_says_is_as_it_was_reviewed() {
    let write = std::env::var_os("WRITE_GOLDEN").is_some();
    let mut stale = Vec::new();
    for format in Format::ALL {
        let (file, text) = (file(*format), page(*format));
        if write {
            std::fs::write(&file, text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            stale.push(format.name());
        }
    }
    assert!(stale.is_empty(), "stale: {stale:?}. Run `make generate`, and review what has changed");
    let files = std::fs::read_dir(file(Format::Uri).parent().unwrap()).unwrap().count();
    assert_eq!(files, Format::ALL.len(), "there is a file for a format that is none");
}

fn file(format: Format) -> PathBuf {
    repository().join("broker/tests/it/dsn/golden").join(format!("{format}.txt"))
}

fn page(format: Format) -> String {
    let mut page = String::new();
    for protocol in [Postgres, Mysql] {
        let Some(reader) = format.reader(protocol) else { continue };
        writeln!(page, "{} · {}\n{:?}\n", reader.driver, protocol.as_str(), reader.capabilities()).unwrap();
        let mut lines = "";
        let store: (&str, Change) = ("a private CA, ca_file=/ca.p12, a trust store of it", |target| {
            (target.trust, target.ca_file) = (PRIVATE, Some("/ca.p12"));
        });
        let store = (reader.ca == Ca::Store).then_some(store);
        for (name, change) in cases(protocol).into_iter().chain(store) {
            let (said, code) = said(format, protocol, change);
            writeln!(page, "— {name}\n{said}").unwrap();
            // Once, until they are others.
            if let Some(code) = code.filter(|code| *code != lines) {
                code.lines().for_each(|line| writeln!(page, "{}", format!("    {line}").trim_end()).unwrap());
                lines = code;
            }
            page.push('\n');
        }
    }
    page
}

fn said(format: Format, protocol: Protocol, change: Change) -> (String, Option<&'static str>) {
    let (database, password) = ("orders".parse().unwrap(), Secret::new("p/4+7=:@%"));
    let mut target = Target {
        database: &database,
        protocol,
        host: "db.example.com",
        port: protocol.port(),
        dbname: "orders",
        username: "dsn_1_reader",
        password: &password,
        trust: Trust::System,
        ca_file: None,
        bundle: None,
        mode: Mode::VerifyFull,
        application_name: "dsn/7/orders-reader",
        connect_timeout: Duration::from_secs(10),
        direct_tls: false,
        pooled: false,
        target_session_attrs: None,
        channel_binding: false,
        cleartext: false,
    };
    change(&mut target);
    match format.render(&target) {
        Ok(rendered) => {
            let needs: String = rendered.needs.iter().map(|need| format!("\nneeds {need}")).collect();
            (format!("{}{needs}", rendered.text.expose().trim_end()), Some(rendered.code))
        }
        Err(error) => (format!("refused: {error}"), None),
    }
}

const PRIVATE: Trust<'_> =
    Trust::Private { pem: "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n" };

type Change = fn(&mut Target<'_>);

fn cases(protocol: Protocol) -> Vec<(&'static str, Change)> {
    let mut cases: Vec<(&str, Change)> = vec![
        ("the system's roots", |_| {}),
        ("the system's roots, os=debian", |target| {
            target.bundle = Some("/etc/ssl/certs/ca-certificates.crt")
        }),
        ("the system's roots, ca_file=/roots.pem", |target| target.ca_file = Some("/roots.pem")),
        ("a private CA", |target| target.trust = PRIVATE),
        ("a private CA, ca_file=/ca.pem", |target| {
            (target.trust, target.ca_file) = (PRIVATE, Some("/ca.pem"));
        }),
        ("the host name is not verified", |target| {
            (target.mode, target.trust, target.ca_file) = (Mode::VerifyCa, PRIVATE, Some("/ca.pem"));
        }),
        ("no TLS, to a proxy on the same machine", |target| {
            (target.mode, target.host) = (Mode::Plaintext, "127.0.0.1");
        }),
        ("a host that is an IPv6 address", |target| {
            (target.host, target.trust, target.ca_file) = ("2001:db8::7", PRIVATE, Some("/ca.pem"));
        }),
    ];
    let of_protocol: &[(&str, Change)] = match protocol {
        Postgres => &[
            ("planetscale-postgres, a replica that begins with TLS", |target| {
                (target.username, target.direct_tls) = ("app.cnlmx96ec5kw|replica", true);
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
            ("planetscale-postgres, pooled", |target| {
                (target.port, target.pooled) = (6432, true);
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
            ("neon, directly, with channel binding", |target| {
                target.channel_binding = true;
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
            ("db9, a tenant's role with a token", |target| {
                (target.username, target.port) = ("tenant.app", 5433);
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
            ("postgres, several servers", |target| {
                target.target_session_attrs = Some("read-write");
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
        ],
        Mysql => &[
            ("planetscale-mysql, a replica", |target| {
                (target.username, target.dbname) = ("abc123", "orders@replica");
                target.bundle = Some("/etc/ssl/certs/ca-certificates.crt");
            }),
            ("rds, a token", |target| {
                (target.cleartext, target.trust, target.ca_file) = (true, PRIVATE, Some("/ca.pem"));
            }),
        ],
    };
    cases.extend(of_protocol);
    cases
}
