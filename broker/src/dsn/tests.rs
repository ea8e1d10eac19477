//! What each format says, and what none does.

use super::reader::{Ca, ChannelBinding, Credentials, DirectTls, Pooled, Roots, Timeout, Trusts};
use super::*;

/// The password, and the user, with which the drivers were tried.
const WORST: &str = r#"Ab+c/d=e@f:g%h?i#j&k!l $m'n"o\p;q,r[s]{t}|u<v>w`"#;

fn render_with(format: Format, change: impl FnOnce(&mut Target<'_>)) -> Result<String, RenderError> {
    let database = "orders".parse().unwrap();
    let password = Secret::new(WORST);
    let mut target = Target {
        database: &database,
        protocol: Protocol::Postgres,
        host: "db.example.com",
        port: 6432,
        dbname: "orders",
        username: "app.x|replica",
        password: &password,
        trust: Trust::System,
        ca_file: None,
        bundle: None,
        mode: Mode::VerifyFull,
        application_name: "broker test/1+x",
        connect_timeout: Duration::from_millis(2500),
        direct_tls: false,
        pooled: false,
        target_session_attrs: None,
        channel_binding: false,
        cleartext: false,
    };
    change(&mut target);
    format.render(&target).map(|rendered| rendered.text.expose().to_owned())
}

fn render(format: Format) -> String {
    render_with(format, |_| {}).unwrap()
}

fn is_for_tools(format: &Format) -> bool {
    format.language() == Language::Tools
}

const PRIVATE: Trust<'_> = Trust::Private { pem: "-----BEGIN CERTIFICATE-----\n" };

#[test]
fn the_worst_password_in_each_format() {
    const ENCODED: &str =
        "Ab%2Bc%2Fd%3De%40f%3Ag%25h%3Fi%23j%26k%21l%20%24m%27n%22o%5Cp%3Bq%2Cr%5Bs%5D%7Bt%7D%7Cu%3Cv%3Ew%60";
    let uri = render(Format::Uri);
    assert_eq!(
        uri,
        format!(
            "postgresql://app.x%7Creplica:{ENCODED}@db.example.com:6432/orders?sslmode=verify-full\
             &sslrootcert=system&connect_timeout=3&application_name=broker%20test%2F1%2Bx"
        )
    );
    assert_eq!(render(Format::Dotenv), format!("DATABASE_URL='{}'\n", uri.replace("&connect_timeout=3", "")));
    assert!(
        render(Format::Keyword)
            .contains(r#" password='Ab+c/d=e@f:g%h?i#j&k!l $m\'n"o\\p;q,r[s]{t}|u<v>w`' "#)
    );
    assert!(render(Format::Env).contains(&format!("export PGPASSWORD='{}'\n", WORST.replace('\'', r"'\''"))));
    assert_eq!(
        render(Format::Pgpass),
        "db.example.com:6432:orders:app.x|replica:\
         Ab+c/d=e@f\\:g%h?i#j&k!l $m'n\"o\\\\p;q,r[s]{t}|u<v>w`\n"
    );
}

#[test]
fn direct_tls_is_said_where_libpq_reads_and_nowhere_else() {
    let direct = |format| render_with(format, |target| target.direct_tls = true).unwrap();
    assert!(direct(Format::Uri).contains("sslrootcert=system&sslnegotiation=direct&"));
    assert!(direct(Format::Keyword).contains(" sslnegotiation='direct' "));
    assert!(
        direct(Format::Env).starts_with("unset PGSERVICE PGHOSTADDR PGCHANNELBINDING PGTARGETSESSIONATTRS\n")
    );
    assert!(direct(Format::Env).contains("export PGSSLNEGOTIATION='direct'\n"));
    assert!(
        render(Format::Env).starts_with("unset PGSERVICE PGHOSTADDR PGSSLNEGOTIATION "),
        "that of a text sourced earlier ends"
    );
    assert_eq!(direct(Format::Dotenv), render(Format::Dotenv));
    assert_eq!(direct(Format::Pgpass), render(Format::Pgpass));
    let plaintext = render_with(Format::Uri, |target| {
        (target.direct_tls, target.mode) = (true, Mode::Plaintext);
    });
    assert!(!plaintext.unwrap().contains("sslnegotiation"));
    let mysql = render_with(Format::Uri, |target| {
        (target.direct_tls, target.protocol) = (true, Protocol::Mysql);
    });
    assert!(!mysql.unwrap().contains("direct"));
}

/// What a reader is said to make of the text, and what the text says to it.
#[test]
fn what_is_known_of_each_reader_agrees_with_itself() {
    for (format, protocol) in
        Format::ALL.iter().flat_map(|format| [Protocol::Postgres, Protocol::Mysql].map(|it| (format, it)))
    {
        let Some(reader) = format.reader(protocol) else { continue };
        if reader.ca == Ca::Elsewhere || format.is_for_proxies() {
            continue;
        }
        let says = |parameter| reader.name(parameter).is_some();
        let what = format!("{format} for {}", protocol.as_str());
        let enforced = reader.channel_binding == ChannelBinding::Enforced;
        // Some may name what is left out all the same.
        assert!(!enforced || says(Parameter::ChannelBinding), "{what}: channel binding");
        assert!(reader.direct_tls != DirectTls::Yes || says(Parameter::Sslnegotiation), "{what}: direct TLS");
        let timed = says(Parameter::ConnectTimeout) || says(Parameter::ConnectMillis);
        assert!(reader.timeout != Timeout::InText || timed, "{what}: timeout");
        assert!(reader.ca != Ca::Path || says(Parameter::Sslrootcert), "{what}: where the CA is");
        assert!(reader.ca != Ca::Pem || says(Parameter::CaPem), "{what}: the CA");
        assert!(reader.roots == Roots::Silence || says(Parameter::Sslrootcert), "{what}: the system's roots");
        let beside = reader.credentials == Credentials::Beside;
        assert_eq!(beside, !says(Parameter::User), "{what}: the user");
        assert_eq!(beside, !says(Parameter::Password), "{what}: the password");
        let codes = [reader.open_private.is_some(), matches!(reader.pooled, Pooled::InCode(_))];
        assert!(
            !codes.into_iter().all(|it| it),
            "{what}: which lines open a session at a pooler with a private CA?"
        );
    }
}

#[test]
fn an_ipv6_address_is_bracketed() {
    for (host, written) in [
        ("::1", "@[::1]:6432/"),
        ("fe80::1%eth0", "@[fe80::1%25eth0]:6432/"),
        ("fe80::1%a]@b/", "@[fe80::1%25a%5D%40b%2F]:6432/"),
    ] {
        let uri = render_with(Format::Uri, |target| target.host = host).unwrap();
        assert!(uri.contains(written), "{host}");
    }
}

#[test]
fn a_private_ca_has_to_get_to_the_driver_somehow() {
    for format in Format::for_protocol(Protocol::Postgres).filter(is_for_tools) {
        let without = render_with(format, |target| target.trust = PRIVATE);
        let with = render_with(format, |target| {
            (target.trust, target.ca_file) = (PRIVATE, Some("/etc/my ca.pem"));
        });
        match format {
            Format::Json => assert!(without.unwrap().contains(r#""ca_pem":"-----BEGIN"#)),
            Format::Pgpass => assert_eq!(without, with),
            _ => {
                let error = without.unwrap_err().to_string();
                assert!(error.contains("ca_file=/") && error.contains("/v1/databases/orders/ca.pem"));
                assert!(error.contains(format.name()));
                let with = with.unwrap();
                assert!(with.contains("/etc/my ca.pem") || with.contains("=%2Fetc%2Fmy%20ca.pem"));
            }
        }
    }
}

#[test]
fn the_same_for_mysql() {
    const ENCODED: &str =
        "Ab%2Bc%2Fd%3De%40f%3Ag%25h%3Fi%23j%26k%21l%20%24m%27n%22o%5Cp%3Bq%2Cr%5Bs%5D%7Bt%7D%7Cu%3Cv%3Ew%60";
    let render = |format, change: fn(&mut Target<'_>)| {
        render_with(format, |target| {
            target.protocol = Protocol::Mysql;
            change(target);
        })
    };
    let uri =
        format!("mysql://app.x%7Creplica:{ENCODED}@db.example.com:6432/orders?ssl-mode=VERIFY_IDENTITY");
    assert_eq!(render(Format::Uri, |_| {}).unwrap(), uri);
    assert_eq!(render(Format::Dotenv, |_| {}).unwrap(), format!("DATABASE_URL='{uri}'\n"));
    let private = |target: &mut Target<'_>| (target.trust, target.ca_file) = (PRIVATE, Some("/ca.pem"));
    assert_eq!(render(Format::Uri, private).unwrap(), format!("{uri}&ssl-ca=%2Fca.pem"));
    assert_eq!(
        render(Format::MyCnf, private).unwrap(),
        "[client]\nprotocol=tcp\nhost=\"db.example.com\"\nport=\"6432\"\nuser=\"app.x|replica\"\n\
         password=\"Ab+c/d=e@f:g%h?i#j&k!l $m'n\\\"o\\\\p;q,r[s]{t}|u<v>w`\"\nssl-ca=\"/ca.pem\"\n\
         ssl-verify-server-cert=1\n[mariadb-client]\ndefault-character-set=utf8mb4\nconnect-timeout=\"3\"\ndatabase=\"orders\"\n"
    );
    let json = render(Format::Json, private).unwrap();
    for part in [r#""ssl-mode":"VERIFY_IDENTITY""#, r#""ssl-ca":"/ca.pem""#, r#""connect-timeout":3"#] {
        assert!(json.contains(part) && json.contains("\"program_name\":"), "{json}");
    }
}

#[test]
fn a_token_for_mysql_goes_in_clear_text_to_verified_servers_alone() {
    let render = |format, mode| {
        render_with(format, |target| {
            (target.protocol, target.cleartext, target.mode) = (Protocol::Mysql, true, mode);
            (target.trust, target.ca_file) = (PRIVATE, Some("/ca.pem"));
        })
    };
    let json = render(Format::Json, Mode::VerifyFull).unwrap();
    assert!(json.contains(r#""enable-cleartext-plugin":true"#), "{json}");
    // The clients of MariaDB show it without being told, and other programs than one stop at what they do not know.
    assert!(!render(Format::MyCnf, Mode::VerifyFull).unwrap().contains("cleartext"));
    let file = render(Format::MysqlCnf, Mode::VerifyFull).unwrap();
    assert!(
        file.contains("\nssl-mode=\"VERIFY_IDENTITY\"\n")
            && file.contains("\nenable-cleartext-plugin=\"1\"\n")
    );
    for format in [Format::Uri, Format::Dotenv] {
        let error = render(format, Mode::VerifyFull).unwrap_err().to_string();
        assert!(error.ends_with("or use `my-cnf`"), "{error}");
    }
    let usable: Vec<_> =
        Format::for_login(Protocol::Mysql, true, Mode::VerifyFull).filter(is_for_tools).collect();
    assert_eq!(usable, [Format::MyCnf, Format::MysqlCnf, Format::Shell, Format::Json, Format::QuerycopEnv]);
    for mode in [Mode::VerifyCa, Mode::Plaintext] {
        for format in [Format::MyCnf, Format::Json] {
            let error = render(format, mode).unwrap_err();
            assert!(matches!(error, RenderError::CleartextUnverified { .. }), "{error}");
        }
        assert!(render(Format::QuerycopEnv, mode).is_ok());
    }
}

#[test]
fn a_weaker_mode_is_said_or_refused() {
    let render = |format, trust| {
        render_with(format, |target| {
            (target.protocol, target.mode) = (Protocol::Mysql, Mode::VerifyCa);
            (target.trust, target.ca_file) = (trust, Some("/ca.pem"));
        })
    };
    assert!(render(Format::Json, PRIVATE).unwrap().contains(r#""ssl-mode":"VERIFY_CA""#));
    assert!(matches!(render(Format::Json, Trust::System), Err(RenderError::HostNotVerified { .. })));
    assert!(matches!(render(Format::MyCnf, PRIVATE), Err(RenderError::NotInFormat { .. })));
    // Whoever trusts the system's roots besides would take the certificate of anybody.
    let error = render(Format::Uri, PRIVATE).unwrap_err().to_string();
    assert!(error.contains("anybody's certificate") && error.ends_with("or use `json`"), "{error}");
    let default = Format::for_login(Protocol::Mysql, false, Mode::VerifyCa).next().unwrap();
    assert!(default.reader(Protocol::Mysql).unwrap().trust != Trusts::Additive, "{default}");
}

#[test]
fn without_tls_nothing_is_said_of_certificates() {
    let render = |protocol, format| {
        render_with(format, |target| {
            (target.protocol, target.mode, target.ca_file) = (protocol, Mode::Plaintext, Some("/ca.pem"));
        })
        .unwrap()
    };
    let uri = render(Protocol::Postgres, Format::Uri);
    assert!(uri.contains("?sslmode=disable&connect_timeout"), "{uri}");
    assert!(render(Protocol::Mysql, Format::Uri).ends_with("?ssl-mode=DISABLED"));
    let file = render(Protocol::Mysql, Format::MyCnf);
    assert!(
        file.contains("\nssl=0\n")
            && file.contains("\nssl-verify-server-cert=0\n")
            && !file.contains("ssl-ca"),
        "{file}"
    );
}

#[test]
fn what_a_proxy_is_told_holds_no_secret_and_always_a_ca_file() {
    let render = |protocol, trust, ca_file| {
        render_with(Format::QuerycopEnv, |target| {
            (target.protocol, target.trust, target.ca_file) = (protocol, trust, ca_file);
        })
    };
    for (protocol, trust) in
        [(Protocol::Postgres, PRIVATE), (Protocol::Postgres, Trust::System), (Protocol::Mysql, Trust::System)]
    {
        let text = render(protocol, trust, Some("/etc/my ca.pem")).unwrap();
        assert_eq!(
            text,
            "GATEKEEPER_BACKEND_HOST=db.example.com\nGATEKEEPER_BACKEND_PORT=6432\n\
             GATEKEEPER_BACKEND_TLS_MODE=verify-full\nGATEKEEPER_BACKEND_TLS_CA_FILE='/etc/my ca.pem'\n\
             GATEKEEPER_BACKEND_TLS_SERVER_NAME=db.example.com\n"
        );
        let error = render(protocol, trust, None).unwrap_err().to_string();
        let remedy = if trust == PRIVATE { "ca_file=/" } else { "os=debian (or ubuntu, " };
        assert!(error.contains(remedy), "{error}");
    }
    let json = render_with(Format::Json, |_| {}).unwrap();
    assert!(json.contains("password"));
}

#[test]
fn a_format_for_other_databases_names_those_that_fit() {
    let error =
        |format, protocol| render_with(format, |target| target.protocol = protocol).unwrap_err().to_string();
    assert_eq!(
        error(Format::Pgpass, Protocol::Mysql),
        "the format `pgpass` is not for MySQL: use one of uri, dotenv, my-cnf, mysql-cnf, shell, json, querycop-env"
    );
    assert_eq!(
        error(Format::MyCnf, Protocol::Postgres),
        "the format `my-cnf` is not for Postgres: use one of uri, keyword, env, dotenv, pgpass, pg-service, shell, json, querycop-env"
    );
}

#[test]
fn an_option_file_has_no_line_that_its_readers_would_cut() {
    for (length, fits) in [(2000, true), (2001, false)] {
        let password: &'static Secret = Box::leak(Box::new(Secret::new("\\".repeat(length))));
        let text = render_with(Format::MyCnf, |target| {
            (target.protocol, target.password) = (Protocol::Mysql, password);
            target.bundle = Some("/ca.pem");
        });
        assert_eq!(text.is_ok(), fits);
    }
}

#[test]
fn a_file_of_services_holds_no_long_line_and_no_blank_at_an_end() {
    let render = |password: &str| {
        let password: &'static Secret = Box::leak(Box::new(Secret::new(password)));
        render_with(Format::PgService, |target| target.password = password)
    };
    assert_eq!(
        render(WORST).unwrap(),
        format!(
            "[dsn]\nhost=db.example.com\nport=6432\nuser=app.x|replica\npassword={WORST}\ndbname=orders\n\
             sslmode=verify-full\nsslrootcert=system\nconnect_timeout=3\napplication_name=broker test/1+x\n\
             gssencmode=disable\n"
        )
    );
    assert!(render(&"x".repeat(1012)).is_ok());
    for bad in
        ["x".repeat(1013), " x".to_owned(), "x ".to_owned(), "x\u{3000}".to_owned(), "\u{e0}".to_owned()]
    {
        let error = render(&bad).unwrap_err().to_string();
        assert!(error.contains("cannot hold this password") && error.ends_with("; or use `uri`"), "{error}");
    }
}

#[test]
fn a_ca_file_is_an_absolute_path() {
    let sslrootcert = |path| {
        let text = render_with(Format::Keyword, |target| target.ca_file = Some(path));
        text.map(|text| text.split("sslrootcert='").nth(1).unwrap().split('\'').next().unwrap().to_owned())
    };
    assert_eq!(sslrootcert("/ca.pem").unwrap(), "/ca.pem");
    assert_eq!(sslrootcert("C:/ca.pem").unwrap(), "C:/ca.pem");
    let long: &str = Box::leak(format!("/{}", "x".repeat(5000)).into_boxed_str());
    for bad in ["", "ca.pem", "system", "~/ca.pem", "./ca.pem", "C:ca.pem", "/a\nb", "/a\0", long] {
        assert!(matches!(sslrootcert(bad), Err(RenderError::CaFile { .. })), "{bad:?}");
    }
}

#[test]
fn without_the_host_name_only_a_private_ca_proves_anything() {
    let sslmode = |trust| {
        render_with(Format::Uri, |target| {
            (target.mode, target.trust, target.ca_file) = (Mode::VerifyCa, trust, Some("/ca.pem"));
        })
    };
    assert!(sslmode(PRIVATE).unwrap().contains("sslmode=verify-ca&sslrootcert=%2Fca.pem"));
    assert!(matches!(sslmode(Trust::System), Err(RenderError::HostNotVerified { .. })));
}

#[test]
fn what_cannot_be_said_is_refused_by_every_format() {
    let refused = |parameter, change: fn(&mut Target<'_>)| {
        for format in Format::for_protocol(Protocol::Postgres).filter(|it| *it != Format::QuerycopEnv) {
            let error = render_with(format, change).unwrap_err();
            assert!(
                matches!(error, RenderError::Inexpressible { parameter: found, .. } if found == parameter),
                "{format}: {error}"
            );
        }
    };
    for change in [
        (|target| target.host = "") as fn(&mut Target<'_>),
        |target| target.host = "a,b",
        |target| target.host = "/run/postgresql",
        |target| target.host = "@abstract",
        |target| target.host = "a\nb",
    ] {
        refused(Parameter::Host, change);
    }
    refused(Parameter::User, |target| target.username = "");
    refused(Parameter::User, |target| target.username = "a\tb");
    refused(Parameter::Dbname, |target| target.dbname = "a\u{85}b");
    refused(Parameter::Dbname, |target| target.dbname = ".");
    refused(Parameter::Dbname, |target| target.dbname = "..");
    refused(Parameter::ApplicationName, |target| target.application_name = "a\0");
    refused(Parameter::TargetSessionAttrs, |target| target.target_session_attrs = Some(""));
    for password in ["", "a\nb", "a\0b", "a\u{7f}b"] {
        let password = Secret::new(password);
        let password: &'static Secret = Box::leak(Box::new(password));
        let error = render_with(Format::Json, |target| target.password = password).unwrap_err();
        assert!(matches!(error, RenderError::Inexpressible { parameter: Parameter::Password, .. }));
    }
}

#[test]
fn a_timeout_is_never_nought() {
    for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (10_000, 10)] {
        let text = render_with(Format::Keyword, |target| {
            target.connect_timeout = Duration::from_millis(millis);
        });
        assert!(text.unwrap().contains(&format!("connect_timeout='{seconds}'")), "{millis} ms");
    }
}

#[test]
fn nothing_that_holds_a_password_prints_it() {
    let database = "orders".parse().unwrap();
    let password = Secret::new(WORST);
    let target = Target {
        database: &database,
        protocol: Protocol::Postgres,
        host: "h",
        port: 1,
        dbname: "d",
        username: "u",
        password: &password,
        trust: Trust::System,
        ca_file: None,
        bundle: None,
        mode: Mode::VerifyFull,
        application_name: "a",
        connect_timeout: Duration::from_secs(1),
        direct_tls: false,
        pooled: false,
        target_session_attrs: Some("any"),
        channel_binding: true,
        cleartext: false,
    };
    let parameters = Parameters::of(&target).unwrap();
    let rendered = Format::Uri.render(&target).unwrap();
    let printed = format!("{target:?} {parameters:?} {rendered:?}");
    assert!(!printed.contains("Ab+c") && !printed.contains("Ab%2B"), "{printed}");
}

#[test]
fn what_would_mean_something_else_to_a_driver_of_ruby_or_php_is_refused() {
    let of_mysql = [Format::RubyMysql2, Format::ActiveRecord, Format::Pdo, Format::Mysqli, Format::Laravel];
    for format in of_mysql {
        let is_refused = |host, dbname| {
            let rendered = render_with(format, |target| {
                (target.protocol, target.ca_file) = (Protocol::Mysql, Some("/ca.pem"));
                (target.host, target.dbname) = (host, dbname);
            });
            matches!(rendered, Err(RenderError::NotInFormat { .. }))
        };
        assert!(is_refused("localhost", "orders") && is_refused("LocalHost", "orders"), "{format}: a socket");
        assert!(!is_refused("localhost.example.com", "orders"), "{format}");
        let escapes = matches!(format, Format::RubyMysql2 | Format::ActiveRecord | Format::Mysqli);
        assert_eq!(is_refused("db.example.com", "orders;host=elsewhere"), !escapes, "{format}");
    }
    for (format, dbname) in
        [(Format::Pdo, "a;b"), (Format::Laravel, "a;b"), (Format::Laravel, "a' host=elsewhere")]
    {
        let rendered =
            render_with(format, |target| (target.ca_file, target.dbname) = (Some("/ca.pem"), dbname));
        assert!(matches!(rendered, Err(RenderError::NotInFormat { .. })), "{format} {dbname}");
    }
}

#[test]
fn what_goes_into_a_template_of_ruby_begins_no_code() {
    let text = render_with(Format::ActiveRecord, |target| {
        (target.ca_file, target.username) = (Some("/ca.pem"), "<%= 1 %>");
    });
    let text = text.unwrap();
    assert!(!text.contains('<'));
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&read["username"], &read["password"]), (&"<%= 1 %>".into(), &WORST.into()));
}
