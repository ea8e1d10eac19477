//! DSNs in all formats.

mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use dsn_broker::dsn::reader::Credentials;
use dsn_broker::dsn::{Format, Language, Mode, RenderError, Target, Trust};
use dsn_broker::model::Protocol;
use dsn_broker::secret::Secret;

/// One value a line, in which `\n` is a newline, `\0` a NUL and `\\` a backslash: host, port, dbname, user, password,
/// application name, CA file, milliseconds to connect, session attributes, what is trusted, what is spoken. A line that is missing
/// is something usual. Each format says exactly these values to a reader that is not ours, or is refused for a
/// reason that is there.
pub fn rendering(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.split('\n').map(unescaped);
    let mut next = |usual: &str| lines.next().unwrap_or_else(|| usual.to_owned());
    let (host, port, dbname) = (next("db.example.com"), next("5432"), next("orders"));
    let (username, password) = (next("app"), Secret::new(next("a word to pass")));
    let (application_name, ca_file) = (next("test"), Some(next("")).filter(|path| !path.is_empty()));
    let millis: u32 = next("").parse().unwrap_or(10_000);
    let attrs = Some(next("")).filter(|attrs| !attrs.is_empty());
    let (mode, trust) = match next("").as_str() {
        "private" => (Mode::VerifyFull, Trust::Private { pem: PEM }),
        "private verify-ca" => (Mode::VerifyCa, Trust::Private { pem: PEM }),
        "plaintext" => (Mode::Plaintext, Trust::System),
        "verify-ca" => (Mode::VerifyCa, Trust::System),
        _ => (Mode::VerifyFull, Trust::System),
    };
    let protocol = if next("") == "mysql" { Protocol::Mysql } else { Protocol::Postgres };
    let database = "orders".parse().unwrap();
    let target = Target {
        database: &database,
        protocol,
        host: &host,
        port: port.parse().unwrap_or(5432),
        dbname: &dbname,
        username: &username,
        password: &password,
        trust,
        ca_file: ca_file.as_deref(),
        bundle: None,
        mode,
        application_name: &application_name,
        connect_timeout: Duration::from_millis(millis.into()),
        direct_tls: false,
        pooled: millis % 3 == 1,
        target_session_attrs: attrs.as_deref(),
        channel_binding: millis % 2 == 1,
        cleartext: false,
    };
    Format::ALL.iter().for_each(|format| check(*format, &target));
}

fn check(format: Format, target: &Target<'_>) {
    if format.language() != Language::Tools {
        return check_named(format, target);
    }
    match format.render(target) {
        Ok(rendered) => {
            assert_eq!(reason_to_refuse(format, target), None, "{format}");
            let text = rendered.text.expose();
            assert_eq!(text.matches('\n').count(), lines(format, target), "{format}");
            assert_eq!(read::read(target.protocol, format, text), expected(format, target), "{format}");
        }
        Err(error) => {
            assert!(reason_to_refuse(format, target).is_some(), "{format}: {error}");
            let password = target.password.expose();
            let said = format!("{error} {error:?}");
            assert!(password.len() < 24 || !said.contains(password), "{format}: a password is in an error");
            if let RenderError::NeedsCaFile { .. } = error {
                assert!(target.ca_file.is_none() && target.trust != Trust::System);
            }
        }
    }
}

/// What is named after a driver is a text of lines that can be printed, or is refused; no secret is in an error.
fn check_named(format: Format, target: &Target<'_>) {
    let password = target.password.expose();
    match format.render(target) {
        Ok(rendered) => {
            let is_control = |letter: char| letter.is_control() && letter != '\n';
            assert!(!rendered.text.expose().contains(is_control), "{format}");
            if rendered.reader.credentials == Credentials::Beside && password.len() >= 24 {
                assert!(!rendered.text.expose().contains(password), "{format}");
            }
        }
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(password.len() < 24 || !said.contains(password), "{format}: a password is in an error");
        }
    }
}

/// Why nothing can be said of this target, as `dsn/README.md` and libpq's manual have it.
fn reason_to_refuse(format: Format, target: &Target<'_>) -> Option<&'static str> {
    let is_control = |text: &str| text.chars().any(char::is_control);
    let texts =
        [target.host, target.username, target.password.expose(), target.dbname, target.application_name];
    let path = target.ca_file.unwrap_or("/");
    let drive = path.as_bytes();
    let on_drive = drive.len() > 2 && drive[0].is_ascii_alphabetic() && drive[1] == b':';
    if !Format::for_protocol(target.protocol).any(|known| known == format) {
        Some("it is for other databases")
    } else if texts.iter().any(|text| text.is_empty() || is_control(text)) {
        Some("a value is empty, or holds a control character")
    } else if target.host.contains(',') || target.host.starts_with(['/', '@']) {
        Some("the host is not one")
    } else if [".", ".."].contains(&target.dbname) {
        Some("the database is a step in a path")
    } else if is_control(path) || path.len() > 4096 {
        Some("the path is not one")
    } else if !(path.starts_with('/') || on_drive && matches!(drive[2], b'/' | b'\\')) {
        Some("the path is relative")
    } else if target.target_session_attrs.is_some_and(is_control) {
        Some("the attributes hold a control character")
    } else if target.protocol == Protocol::Mysql && target.target_session_attrs.is_some() {
        Some("the attributes are libpq's")
    } else if target.protocol == Protocol::Mysql
        && matches!(format, Format::MyCnf | Format::Shell)
        && target.mode == Mode::VerifyCa
    {
        Some("its readers verify all or nothing")
    } else if format == Format::PgService
        && said_to_libpq(target).iter().any(|(key, text)| has_no_line(key, text))
    {
        Some("there are no quotes")
    } else if matches!(format, Format::MyCnf | Format::MysqlCnf)
        && texts[..4].iter().chain([&path]).any(|text| is_long(text))
    {
        Some("its readers would cut a line")
    } else if target.mode == Mode::VerifyCa && target.trust == Trust::System {
        Some("nothing is verified")
    } else if target.mode == Mode::VerifyCa
        && (format == Format::Dotenv || (format == Format::Uri && target.protocol == Protocol::Mysql))
    {
        Some("its readers trust more than the CA")
    } else if (matches!(format, Format::MyCnf | Format::MysqlCnf | Format::QuerycopEnv)
        || (format == Format::Shell && target.protocol == Protocol::Mysql))
        && target.mode != Mode::Plaintext
        && target.ca_file.is_none()
    {
        Some("it is told no CA")
    } else if target.trust != Trust::System && target.ca_file.is_none() {
        let carries = matches!(format, Format::Json | Format::Pgpass);
        (!carries).then_some("it cannot say which CA to trust")
    } else {
        None
    }
}

/// Whether the server is to prove that nobody stands between; without TLS there is nothing to prove it by.
fn is_bound(target: &Target<'_>) -> bool {
    target.channel_binding && target.mode != Mode::Plaintext
}

/// What a file of services has to hold of what is not always the same.
fn said_to_libpq<'a>(target: &Target<'a>) -> Vec<(&'static str, &'a str)> {
    let mut said = vec![
        ("host", target.host),
        ("user", target.username),
        ("password", target.password.expose()),
        ("dbname", target.dbname),
        ("application_name", target.application_name),
    ];
    said.extend(target.target_session_attrs.map(|attrs| ("target_session_attrs", attrs)));
    said.extend(target.ca_file.filter(|_| target.mode != Mode::Plaintext).map(|path| ("sslrootcert", path)));
    said
}

/// Whether there is no line for it in a file of services, which holds 1022 bytes with its end, and no blanks at ends.
fn has_no_line(key: &str, text: &str) -> bool {
    let ends_in_blank = text.as_bytes().last().is_some_and(|byte| [0x85, 0xa0].contains(byte));
    text.trim() != text || ends_in_blank || key.len() + text.len() > 1020
}

/// More than a line of an option file takes.
fn is_long(text: &str) -> bool {
    text.len() + text.matches(['"', '\\']).count() > 4000
}

/// What a reader has to find, by the names of its world.
fn expected(format: Format, target: &Target<'_>) -> BTreeMap<String, String> {
    if format == Format::QuerycopEnv {
        return expected_of_querycop(target);
    }
    if target.protocol == Protocol::Mysql {
        return expected_of_mysql(format, target);
    }
    let mode = match target.mode {
        Mode::VerifyFull => "verify-full",
        Mode::VerifyCa => "verify-ca",
        Mode::Plaintext => "disable",
    };
    let seconds = target.connect_timeout.as_millis().div_ceil(1000).max(1).to_string();
    let port = target.port.to_string();
    let mut all = vec![
        ("host", target.host),
        ("port", &port),
        ("dbname", target.dbname),
        ("user", target.username),
        ("password", target.password.expose()),
    ];
    if format != Format::Pgpass {
        all.extend([("sslmode", mode), ("application_name", target.application_name)]);
        all.extend(target.target_session_attrs.map(|attrs| ("target_session_attrs", attrs)));
        match (target.ca_file, target.trust) {
            _ if target.mode == Mode::Plaintext => {}
            (Some(path), _) => all.push(("sslrootcert", path)),
            (None, Trust::System) => all.push(("sslrootcert", "system")),
            (None, Trust::Private { .. }) => {}
        }
    }
    if matches!(format, Format::Keyword | Format::Env | Format::PgService | Format::Shell) {
        all.push(("gssencmode", "disable"));
    }
    if !matches!(format, Format::Pgpass | Format::Dotenv) {
        all.push(("connect_timeout", &seconds));
    }
    if is_bound(target)
        && matches!(
            format,
            Format::Uri | Format::Keyword | Format::Env | Format::PgService | Format::Shell | Format::Json
        )
    {
        all.push(("channel_binding", "require"));
    }
    if let (Format::Json, Trust::Private { pem }) = (format, target.trust) {
        all.push(("ca_pem", pem));
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn expected_of_mysql(format: Format, target: &Target<'_>) -> BTreeMap<String, String> {
    let mode = match target.mode {
        Mode::VerifyFull => "VERIFY_IDENTITY",
        Mode::VerifyCa => "VERIFY_CA",
        Mode::Plaintext => "DISABLED",
    };
    let verify = if target.mode == Mode::Plaintext { "0" } else { "1" };
    let seconds = target.connect_timeout.as_millis().div_ceil(1000).max(1).to_string();
    let port = target.port.to_string();
    let mut all = vec![
        ("host", target.host),
        ("port", &port),
        ("user", target.username),
        ("password", target.password.expose()),
    ];
    let ca_file = target.ca_file.filter(|_| target.mode != Mode::Plaintext);
    all.extend(ca_file.map(|path| ("ssl-ca", path)));
    if matches!(format, Format::MyCnf | Format::MysqlCnf | Format::Shell) {
        all.extend([("protocol", "tcp"), ("default-character-set", "utf8mb4")]);
    }
    match format {
        Format::MyCnf | Format::Shell => {
            all.extend([("database", target.dbname), ("ssl-verify-server-cert", verify)]);
            all.extend((target.mode == Mode::Plaintext).then_some(("ssl", "0")));
        }
        Format::MysqlCnf => {
            all.extend([("database", target.dbname), ("ssl-mode", mode)]);
        }
        _ => all.extend([("dbname", target.dbname), ("ssl-mode", mode)]),
    }
    if matches!(format, Format::MyCnf | Format::MysqlCnf | Format::Shell | Format::Json) {
        all.push(("connect-timeout", &seconds));
    }
    if format == Format::Json {
        all.push(("program_name", target.application_name));
    }
    if let (Format::Json, Trust::Private { pem }) = (format, target.trust) {
        all.push(("ca_pem", pem));
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn expected_of_querycop(target: &Target<'_>) -> BTreeMap<String, String> {
    let mode = match target.mode {
        Mode::VerifyFull => "verify-full",
        Mode::VerifyCa => "verify-ca",
        Mode::Plaintext => "disable",
    };
    let port = target.port.to_string();
    let mut all = vec![("HOST", target.host), ("PORT", &port), ("TLS_MODE", mode)];
    all.extend((target.mode != Mode::Plaintext).then(|| ("TLS_CA_FILE", target.ca_file.unwrap())));
    all.extend((target.mode == Mode::VerifyFull).then_some(("TLS_SERVER_NAME", target.host)));
    all.into_iter().map(|(key, value)| (format!("GATEKEEPER_BACKEND_{key}"), value.to_owned())).collect()
}

/// How many lines the text has: no value adds one.
fn lines(format: Format, target: &Target<'_>) -> usize {
    match format {
        Format::Uri | Format::Keyword | Format::Json => 0,
        Format::Dotenv | Format::Pgpass | Format::Shell => 1,
        Format::MyCnf | Format::MysqlCnf => expected(format, target).len() + 2,
        Format::QuerycopEnv => expected(format, target).len(),
        Format::Env | Format::PgService => expected(format, target).len() + 1,
        _ => unreachable!("{format} is named after a driver"),
    }
}

fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        text.push(match letter {
            '\\' => match letters.next() {
                Some('n') => '\n',
                Some('0') => '\0',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    text
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
