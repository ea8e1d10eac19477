//! Strict readers of all formats, after the manuals and not after our writers: what is not exactly right is a mistake.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::net::Ipv6Addr;
use std::str::Chars;

use dsn_broker::dsn::Format;
use dsn_broker::model::Protocol;
use serde_json::Value;
use url::Url;

type Read = BTreeMap<String, String>;

/// What the text says, by the names of its world.
pub(super) fn read(protocol: Protocol, format: Format, text: &str) -> Read {
    let scheme = if protocol == Protocol::Mysql { "mysql" } else { "postgresql" };
    match format {
        Format::Uri => uri(scheme, text),
        Format::Keyword => keyword(text),
        Format::Env => env(text),
        Format::Dotenv => {
            let uri_alone = text.strip_prefix("DATABASE_URL='").unwrap().strip_suffix("'\n").unwrap();
            // Readers disagree about these, whatever stands around them.
            assert!(!uri_alone.contains(['\'', '"', '\\', '$', '`', '#', ' ']), "{uri_alone}");
            uri(scheme, uri_alone)
        }
        Format::Pgpass => pgpass(text),
        Format::PgService => pg_service(text),
        Format::MyCnf => option_file("[mariadb-client]", text),
        Format::MysqlCnf => option_file("[mysql]", text),
        Format::QuerycopEnv => assignments(text),
        Format::Shell if protocol == Protocol::Mysql => mariadb(text),
        Format::Shell => psql(text),
        Format::Json => json(text),
        _ => unreachable!("{format} is named after a driver"),
    }
}

fn add(read: &mut Read, key: &str, value: impl Into<String>) {
    assert_eq!(read.insert(key.to_owned(), value.into()), None, "{key} comes twice");
}

/// As a URL (RFC 3986), by a reader that browsers agree with. The host is taken from the text: such readers rewrite it.
fn uri(scheme: &str, text: &str) -> Read {
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    let (front, behind) = text.split_once('@').unwrap();
    // RFC 6874's zones are in libpq's manual, but browsers never took them up.
    let url = match behind.strip_prefix('[').and_then(|behind| behind.split_once(']')) {
        Some((address, rest)) => format!("{front}@[{}]{rest}", address.split('%').next().unwrap()),
        None => text.to_owned(),
    };
    let url = Url::parse(&url).unwrap();
    assert_eq!((url.scheme(), url.fragment()), (scheme, None));
    let mut read = Read::new();
    add(&mut read, "user", decoded(url.username()));
    add(&mut read, "password", decoded(url.password().unwrap()));
    add(&mut read, "port", url.port().unwrap().to_string());
    add(&mut read, "dbname", decoded(url.path().strip_prefix('/').unwrap()));
    for pair in url.query().unwrap_or_default().split('&') {
        let (key, value) = pair.split_once('=').unwrap();
        add(&mut read, key, decoded(value));
    }
    let host = behind.split('/').next().unwrap().rsplit_once(':').unwrap().0;
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            let address = decoded(address);
            let bare = address.split('%').next().unwrap();
            assert!(bare.parse::<Ipv6Addr>().is_ok(), "{address}");
            add(&mut read, "host", address);
        }
        None => add(&mut read, "host", decoded(host)),
    }
    read
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        if *byte == b'%' {
            let pair = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(pair, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>
fn keyword(text: &str) -> Read {
    let (mut read, mut letters) = (Read::new(), text.chars().peekable());
    while letters.peek().is_some() {
        let key = until(&mut letters, '=', None);
        assert_eq!(letters.next(), Some('\''));
        let value = until(&mut letters, '\'', Some('\\'));
        add(&mut read, key.trim_start(), value);
    }
    read
}

/// What a POSIX shell exports after these lines.
fn env(text: &str) -> Read {
    let mut lines = text.strip_suffix('\n').unwrap().split('\n');
    let unset: Vec<&str> = lines.next().unwrap().strip_prefix("unset ").unwrap().split(' ').collect();
    assert!(unset.contains(&"PGSERVICE") && unset.contains(&"PGHOSTADDR"));
    let mut read = Read::new();
    for line in lines {
        let (name, quoted) = line.strip_prefix("export ").unwrap().split_once('=').unwrap();
        assert!(!unset.contains(&name), "{name} is set and unset");
        add(&mut read, keyword_of(name), word(quoted));
    }
    for (keyword, variable) in
        [("target_session_attrs", "PGTARGETSESSIONATTRS"), ("channel_binding", "PGCHANNELBINDING")]
    {
        assert_ne!(read.contains_key(keyword), unset.contains(&variable));
    }
    read
}

/// What a word of a POSIX shell means. Words that touch are one word.
fn word(quoted: &str) -> String {
    let (mut value, mut letters) = (String::new(), quoted.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => value += &until(&mut letters, '\'', None),
            '\\' => value.push(letters.next().unwrap()),
            other => panic!("{other:?} stands outside of quotes"),
        }
    }
    value
}

/// Variables for a shell, for Docker and for systemd: what is not plain is quoted.
fn assignments(text: &str) -> Read {
    let mut read = Read::new();
    for line in text.strip_suffix('\n').unwrap().split('\n') {
        let (name, value) = line.split_once('=').unwrap();
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._/:".contains(letter);
        let value = if value.chars().all(plain) { value.to_owned() } else { word(value) };
        add(&mut read, name, value);
    }
    read
}

/// A command with its arguments, where all that is not plain is quoted.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut letters) = (vec![String::new()], command.chars().peekable());
    while let Some(letter) = letters.next() {
        let last = words.last_mut().unwrap();
        match letter {
            ' ' => words.push(String::new()),
            '\'' => *last += &until(&mut letters, '\'', None),
            '\\' => last.push(letters.next().unwrap()),
            plain => {
                assert!(
                    plain.is_ascii_alphanumeric() || "-_=".contains(plain),
                    "{plain:?} stands outside of quotes"
                );
                last.push(plain);
            }
        }
    }
    words
}

fn psql(text: &str) -> Read {
    let (unset, command) = text.strip_prefix("(unset ").unwrap().split_once("; ").unwrap();
    assert!(unset.contains("PGSERVICE") && unset.contains("PGHOSTADDR"));
    let words = words(command.strip_suffix(")\n").unwrap());
    let [password, program, conninfo] = &words[..] else { panic!("{words:?}") };
    assert_eq!(program, "psql");
    let mut read = keyword(conninfo);
    add(&mut read, "password", password.strip_prefix("PGPASSWORD=").unwrap());
    read
}

fn mariadb(text: &str) -> Read {
    let words = words(text.strip_suffix('\n').unwrap());
    assert_eq!(words[1..3], ["mariadb", "--no-defaults"]);
    let mut read = Read::new();
    add(&mut read, "password", words[0].strip_prefix("MYSQL_PWD=").unwrap());
    for option in &words[3..] {
        let (name, value) = option.strip_prefix("--").unwrap().split_once('=').unwrap();
        add(&mut read, name, value);
    }
    read
}

fn keyword_of(variable: &str) -> &str {
    match variable {
        "PGHOST" => "host",
        "PGPORT" => "port",
        "PGUSER" => "user",
        "PGPASSWORD" => "password",
        "PGDATABASE" => "dbname",
        "PGSSLMODE" => "sslmode",
        "PGSSLROOTCERT" => "sslrootcert",
        "PGCHANNELBINDING" => "channel_binding",
        "PGTARGETSESSIONATTRS" => "target_session_attrs",
        "PGCONNECT_TIMEOUT" => "connect_timeout",
        "PGAPPNAME" => "application_name",
        "PGGSSENCMODE" => "gssencmode",
        other => panic!("{other} is nothing that libpq reads"),
    }
}

/// <https://www.postgresql.org/docs/current/libpq-pgpass.html>
fn pgpass(text: &str) -> Read {
    let line = text.strip_suffix('\n').unwrap();
    assert!(!line.starts_with('#'), "a comment");
    let (mut read, mut letters) = (Read::new(), line.chars().peekable());
    for key in ["host", "port", "dbname", "user"] {
        assert!(!starts_with_wildcard(&letters), "{key} matches everything");
        add(&mut read, key, until(&mut letters, ':', Some('\\')));
    }
    let mut password = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => password.push(letters.next().unwrap()),
            ':' => panic!("there is a sixth field"),
            other => password.push(other),
        }
    }
    add(&mut read, "password", password);
    read
}

/// <https://www.postgresql.org/docs/current/libpq-pgservice.html>
fn pg_service(text: &str) -> Read {
    let mut lines = text.strip_suffix('\n').unwrap().split('\n');
    assert_eq!(lines.next(), Some("[dsn]"));
    let mut read = Read::new();
    for line in lines {
        assert!(line.len() < 1022 && line.trim() == line, "{line:?}");
        let (key, value) = line.split_once('=').unwrap();
        assert!(value.trim() == value && !value.is_empty(), "{line:?}");
        add(&mut read, key, value);
    }
    read
}

/// <https://mariadb.com/kb/en/configuring-mariadb-with-option-files/>
fn option_file(program: &str, text: &str) -> Read {
    let mut read = Read::new();
    for line in text.strip_suffix('\n').unwrap().split('\n') {
        if line.starts_with('[') {
            assert!(["[client]", program].contains(&line), "{line}");
            continue;
        }
        assert!(line.len() < 4095, "it would be cut");
        let (name, value) = line.split_once('=').unwrap();
        match value.strip_prefix('"') {
            None => add(&mut read, name, value),
            Some(quoted) => {
                let mut letters = quoted.chars().peekable();
                let value = until(&mut letters, '"', Some('\\'));
                assert_eq!(letters.next(), None, "something stands behind the quotes");
                add(&mut read, name, value);
            }
        }
    }
    read
}

fn starts_with_wildcard(letters: &Peekable<Chars<'_>>) -> bool {
    letters.clone().take(2).eq(['*', ':'])
}

fn json(text: &str) -> Read {
    let Value::Object(object) = serde_json::from_str(text).unwrap() else { panic!("not an object") };
    let texts = object.into_iter().map(|(key, value)| match value {
        Value::String(text) => (key, text),
        Value::Number(number) => (key, number.to_string()),
        other => panic!("{key} is {other}"),
    });
    texts.collect()
}

/// What stands before `end`, which is taken away, too.
fn until(letters: &mut Peekable<Chars<'_>>, end: char, escape: Option<char>) -> String {
    let mut text = String::new();
    loop {
        match letters.next() {
            Some(letter) if letter == end => return text,
            Some(letter) if Some(letter) == escape => text.push(letters.next().unwrap()),
            Some(letter) => text.push(letter),
            None => panic!("{end:?} is missing"),
        }
    }
}
