//! DSNs in all formats.

mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use dsn_broker::config::TlsMode;
use dsn_broker::dsn::{Format, RenderError, Target, Trust};
use dsn_broker::secret::Secret;

/// One value a line, in which `\n` is a newline, `\0` a NUL and `\\` a backslash: host, port, dbname, user, password,
/// application name, CA file, milliseconds to connect, session attributes, what is trusted. A line that is missing
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
        "private" => (TlsMode::VerifyFull, Trust::Private { pem: PEM }),
        "private verify-ca" => (TlsMode::VerifyCa, Trust::Private { pem: PEM }),
        "verify-ca" => (TlsMode::VerifyCa, Trust::System),
        _ => (TlsMode::VerifyFull, Trust::System),
    };
    let database = "orders".parse().unwrap();
    let target = Target {
        database: &database,
        host: &host,
        port: port.parse().unwrap_or(5432),
        dbname: &dbname,
        username: &username,
        password: &password,
        trust,
        ca_file: ca_file.as_deref(),
        mode,
        application_name: &application_name,
        connect_timeout: Duration::from_millis(millis.into()),
        target_session_attrs: attrs.as_deref(),
        channel_binding: millis % 2 == 1,
    };
    Format::ALL.iter().for_each(|format| check(*format, &target));
}

fn check(format: Format, target: &Target<'_>) {
    match format.render(target) {
        Ok(rendered) => {
            assert_eq!(reason_to_refuse(format, target), None, "{format}");
            let text = rendered.text.expose();
            assert_eq!(text.matches('\n').count(), lines(format, target), "{format}");
            assert_eq!(read::read(format, text), expected(format, target), "{format}");
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

/// Why nothing can be said of this target, as `dsn/README.md` and libpq's manual have it.
fn reason_to_refuse(format: Format, target: &Target<'_>) -> Option<&'static str> {
    let is_control = |text: &str| text.chars().any(char::is_control);
    let texts =
        [target.host, target.username, target.password.expose(), target.dbname, target.application_name];
    let path = target.ca_file.unwrap_or("/");
    let drive = path.as_bytes();
    let on_drive = drive.len() > 2 && drive[0].is_ascii_alphabetic() && drive[1] == b':';
    if texts.iter().any(|text| text.is_empty() || is_control(text)) {
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
    } else if target.mode == TlsMode::VerifyCa && target.trust == Trust::System {
        Some("nothing is verified")
    } else if target.trust != Trust::System && target.ca_file.is_none() {
        let carries = matches!(format, Format::Json | Format::Pgpass);
        (!carries).then_some("it cannot say which CA to trust")
    } else {
        None
    }
}

/// What a reader has to find, by libpq's names.
fn expected(format: Format, target: &Target<'_>) -> BTreeMap<String, String> {
    let mode = if target.mode == TlsMode::VerifyCa { "verify-ca" } else { "verify-full" };
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
            (Some(path), _) => all.push(("sslrootcert", path)),
            (None, Trust::System) => all.push(("sslrootcert", "system")),
            (None, Trust::Private { .. }) => {}
        }
    }
    if !matches!(format, Format::Pgpass | Format::Dotenv) {
        all.push(("connect_timeout", &seconds));
    }
    if target.channel_binding && matches!(format, Format::Uri | Format::Keyword | Format::Env) {
        all.push(("channel_binding", "require"));
    }
    if let (Format::Json, Trust::Private { pem }) = (format, target.trust) {
        all.push(("ca_pem", pem));
    }
    all.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// How many lines the text has: no value adds one.
fn lines(format: Format, target: &Target<'_>) -> usize {
    match format {
        Format::Uri | Format::Keyword | Format::Json => 0,
        Format::Dotenv | Format::Pgpass => 1,
        Format::Env => expected(format, target).len() + 1,
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
