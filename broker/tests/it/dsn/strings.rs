//! Texts that are neither JSON nor URLs, read as those who invented them say.

use std::collections::VecDeque;

use dsn_broker::dsn::Format;
use dsn_broker::model::Protocol;

use super::{Case, Read, named, percent_decoded};

/// What a text says, by the names of its reader; `None` where it is of another kind.
pub(super) fn read(case: &Case, format: Format, text: &str) -> Option<Read> {
    Some(match format {
        Format::GoSqlDriver => read_go(text),
        Format::Gorm if case.protocol == Protocol::Mysql => read_go(text),
        Format::ConnectorJ => read_connector_j(case, format, text),
        Format::MariadbConnectorJ => read_mariadb(text),
        Format::Spring => read_spring(case, format, text),
        Format::Npgsql => read_ado(text),
        _ => return None,
    })
}

/// <https://github.com/go-sql-driver/mysql#dsn-data-source-name>
fn read_go(text: &str) -> Read {
    let (place, rest) = text.rsplit_once('/').unwrap();
    let (who, address) = place.rsplit_once('@').unwrap();
    let (user, password) = who.split_once(':').unwrap();
    let address = address.strip_prefix("tcp(").unwrap().strip_suffix(')').unwrap();
    let (host, port) = address.rsplit_once(':').unwrap();
    let (dbname, options) = rest.split_once('?').unwrap();
    let mut read: Read =
        options.split('&').map(|option| option.split_once('=').unwrap()).map(owned).collect();
    read.values_mut().for_each(|value| *value = percent_decoded(value));
    read.get_mut("timeout").map(|timeout| assert_eq!(timeout.pop(), Some('s'))).unwrap();
    strip_program_name(&mut read);
    read.extend(
        [("user", user), ("password", password), ("host", unbracketed(host)), ("port", port)].map(owned),
    );
    read.insert("dbname".to_owned(), percent_decoded(dbname));
    read
}

fn read_connector_j(case: &Case, format: Format, text: &str) -> Read {
    let mut read = named::read_url(case, format, text);
    strip_program_name(&mut read);
    if let Some(store) = read.get_mut("trustCertificateKeyStoreUrl") {
        let path = percent_decoded(store.strip_prefix("file://").unwrap());
        let said = case.ca_file.clone().unwrap();
        let slashed = said.replace('\\', "/");
        // A URL has slashes where a path of Windows has backslashes.
        *store = if !said.starts_with('/') && path == format!("/{slashed}") { said } else { path };
    }
    read
}

/// It decodes nothing: <https://mariadb.com/docs/connectors/mariadb-connector-j/about-mariadb-connector-j>.
fn read_mariadb(text: &str) -> Read {
    let (address, rest) = text.strip_prefix("jdbc:mariadb://").unwrap().split_once('/').unwrap();
    let (host, port) = address.rsplit_once(':').unwrap();
    let (dbname, options) = rest.split_once('?').unwrap();
    let mut read: Read =
        options.split('&').map(|option| option.split_once('=').unwrap()).map(owned).collect();
    strip_program_name(&mut read);
    read.extend([("host", unbracketed(host)), ("port", port), ("dbname", dbname)].map(owned));
    read
}

fn read_spring(case: &Case, format: Format, text: &str) -> Read {
    let mut properties = read_properties(text);
    let url = properties.remove("spring.datasource.url").unwrap();
    let mut read = match case.protocol {
        Protocol::Postgres => named::read_url(case, format, &url),
        Protocol::Mysql => read_mariadb(&url),
    };
    read.extend(properties);
    read
}

/// `java.util.Properties.load`, but for lines that go on in the next.
fn read_properties(text: &str) -> Read {
    assert!(text.is_ascii());
    let mut read = Read::new();
    for line in text.lines() {
        let (mut name, mut value, mut in_name) = (Vec::new(), Vec::new(), true);
        let mut letters: VecDeque<char> = line.trim_start().chars().collect();
        while let Some(letter) = letters.pop_front() {
            if in_name && "=: ".contains(letter) {
                in_name = false;
                while letters.front() == Some(&' ') {
                    letters.pop_front();
                }
                continue;
            }
            let unit = match letter {
                '\\' => match letters.pop_front().unwrap() {
                    'u' => u16::from_str_radix(&letters.drain(..4).collect::<String>(), 16).unwrap(),
                    other => u16::try_from(u32::from(other)).unwrap(),
                },
                other => u16::try_from(u32::from(other)).unwrap(),
            };
            if in_name { name.push(unit) } else { value.push(unit) }
        }
        read.insert(String::from_utf16(&name).unwrap(), String::from_utf16(&value).unwrap());
    }
    read
}

/// <https://learn.microsoft.com/en-us/dotnet/framework/data/adonet/connection-string-syntax>
fn read_ado(text: &str) -> Read {
    let mut read = Read::new();
    let mut rest = text;
    while let Some((name, value)) = rest.split_once("=\"") {
        let mut said = String::new();
        let mut letters = value.char_indices().peekable();
        let end = loop {
            match letters.next().unwrap() {
                (_, '"') if letters.next_if(|(_, next)| *next == '"').is_some() => said.push('"'),
                (end, '"') => break end,
                (_, letter) => said.push(letter),
            }
        };
        rest = &value[end + 1..];
        rest = rest.strip_prefix(';').unwrap_or(rest);
        assert_eq!(read.insert(name.to_owned(), said), None, "{name} comes twice");
    }
    assert_eq!(rest, "");
    read
}

fn strip_program_name(read: &mut Read) {
    let attributes = read.get_mut("connectionAttributes").unwrap();
    *attributes = attributes.strip_prefix("program_name:").unwrap().to_owned();
    assert!(!attributes.contains(','));
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}
