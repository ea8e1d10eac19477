//! What is for MySQL: its URIs are read by a parser of URLs, as most drivers do, and what sqlx tells of them by sqlx;
//! its option files by MariaDB's own program.

use std::net::Ipv6Addr;
use std::process::Command;

use dsn_broker::dsn::Format;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use super::{Case, Read, percent_decoded};

/// What a text says, by the names of the options of MySQL's clients.
pub(super) fn expected(case: &Case, format: Format) -> Read {
    let mut expected: Read = [
        ("host", case.host.clone()),
        ("port", case.port.to_string()),
        ("user", case.username.clone()),
        ("password", case.password.clone()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let mut add = |key: &str, value: &str| drop(expected.insert(key.to_owned(), value.to_owned()));
    let timeout = case.connect_timeout.to_string();
    match format {
        Format::MyCnf | Format::Shell => {
            add("database", &case.dbname);
            add("protocol", "tcp");
            add("default-character-set", "utf8mb4");
            add("connect-timeout", &timeout);
            add("ssl-verify-server-cert", "1");
        }
        Format::MysqlCnf => {
            add("database", &case.dbname);
            add("protocol", "tcp");
            add("default-character-set", "utf8mb4");
            add("connect-timeout", &timeout);
            add("ssl-mode", "VERIFY_IDENTITY");
        }
        _ => {
            add("dbname", &case.dbname);
            add("ssl-mode", "VERIFY_IDENTITY");
        }
    }
    if format == Format::Json {
        add("connect-timeout", &timeout);
        add("program_name", &case.application_name);
    }
    if let Some(ca_file) = &case.ca_file {
        add("ssl-ca", ca_file);
    }
    expected
}

pub(super) fn read_uris(texts: &[String]) -> Vec<Read> {
    texts.iter().map(|text| read_uri(text)).collect()
}

fn read_uri(text: &str) -> Read {
    let url = url::Url::parse(text).unwrap();
    assert_eq!((url.scheme(), url.fragment()), ("mysql", None));
    let mut read: Read =
        url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect();
    let driver: MySqlConnectOptions = text.parse().unwrap();
    assert!(matches!(driver.get_ssl_mode(), MySqlSslMode::VerifyIdentity));
    let dbname = percent_decoded(url.path().strip_prefix('/').unwrap());
    assert_eq!(driver.get_username(), percent_decoded(url.username()));
    assert_eq!((driver.get_port(), driver.get_database()), (url.port().unwrap(), Some(&*dbname)));
    let host = url.host_str().unwrap().trim_matches(['[', ']']);
    // Such parsers write addresses in their own way.
    let host = host.parse::<Ipv6Addr>().map_or_else(|_| host.to_owned(), |address| address.to_string());
    for (key, value) in [
        ("host", host),
        ("port", url.port().unwrap().to_string()),
        ("user", percent_decoded(url.username())),
        ("password", percent_decoded(url.password().unwrap())),
        ("dbname", dbname),
    ] {
        assert_eq!(read.insert(key.to_owned(), value), None, "{key} comes twice");
    }
    read
}

/// What the client would be started with, `mariadb` or `mysql`: an option a line.
pub(super) fn read_option_files(texts: &[String]) -> Vec<Read> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my.cnf");
    let read = |text: &String| {
        std::fs::write(&file, text).unwrap();
        let output = Command::new("my_print_defaults")
            .arg(format!("--defaults-file={}", file.display()))
            .args(["mysql", "mariadb-client", "client", "client-server", "client-mariadb"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .output()
            .expect("my_print_defaults is needed: apt-get install mariadb-client");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut read = Read::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (name, value) = line.strip_prefix("--").unwrap().split_once('=').unwrap();
            assert_eq!(read.insert(name.to_owned(), value.to_owned()), None, "{name} comes twice");
        }
        read
    };
    texts.iter().map(read).collect()
}
