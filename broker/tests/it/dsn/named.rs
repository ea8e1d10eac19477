//! What is named after a driver: read by parsers of JSON, URLs and option files that are not ours. Whether the driver has these names
//! is for `drivers.rs`.

use std::net::IpAddr;

use dsn_broker::dsn::{Format, Parameter};
use serde_json::Value;

use super::{Case, Read, mysql, percent_decoded, strings};

/// All that the text has to say, by the driver's names; `None` where it is refused.
pub(super) fn expected(case: &Case, format: Format) -> Option<Read> {
    let reader = format.reader(case.protocol).unwrap();
    case.try_render(format).ok()?;
    let value = |parameter: Parameter| match parameter {
        Parameter::Host => Some(case.host.clone()),
        Parameter::Port => Some(case.port.to_string()),
        Parameter::User => Some(case.username.clone()),
        Parameter::Password => Some(case.password.clone()),
        Parameter::Dbname => Some(case.dbname.clone()),
        Parameter::ApplicationName => Some(case.application_name.clone()),
        Parameter::ConnectTimeout => Some(case.connect_timeout.to_string()),
        Parameter::ConnectMillis => Some((case.connect_timeout * 1000).to_string()),
        Parameter::Sslrootcert => case.ca_file.clone(),
        Parameter::TargetSessionAttrs => case.target_session_attrs.clone(),
        Parameter::Sslmode => Some(reader.modes.verify_full.to_owned()),
        Parameter::ChannelBinding | Parameter::Sslnegotiation | Parameter::CleartextPlugin => None,
        Parameter::CaPem | Parameter::Further => None,
    };
    let said =
        reader.says.iter().filter_map(|(parameter, name)| Some(((*name).to_owned(), value(*parameter)?)));
    Some(said.collect())
}

/// What the text says; `None` where it is refused. What is always in it is left out: see `golden.rs`.
pub(super) fn read(case: &Case, format: Format) -> Option<Read> {
    let mut text = case.try_render(format).ok()?;
    if format == Format::SqlalchemyAsyncpg {
        // What stands behind its `?` is a URL of its own.
        let (place, within) = text.split_once("?dsn=").unwrap();
        let within = percent_decoded(within);
        text = format!("{place}?{}", within.strip_prefix("postgresql://?").unwrap());
    }
    let all = match strings::read(case, format, &text) {
        Some(read) => read,
        None if text.starts_with('{') => read_object(&text),
        None if text.starts_with('[') => mysql::read_option_files(&[text]).remove(0),
        None => read_url(case, format, &text),
    };
    let expected = expected(case, format)?;
    Some(all.into_iter().filter(|(name, _)| expected.contains_key(name)).collect())
}

fn read_object(text: &str) -> Read {
    let mut read = Read::new();
    flatten("", &serde_json::from_str(text).unwrap(), &mut read);
    // The DSN of PDO.
    if let Some(dsn) = read.remove("dsn") {
        read.extend(match dsn.split_once(':').unwrap() {
            ("pgsql", pairs) => read_keywords(pairs),
            ("mysql", pairs) => read_pairs(pairs),
            (scheme, _) => panic!("{scheme} is not one of ours"),
        });
    }
    read
}

/// As libpq does, and quicker than by asking it each time.
fn read_keywords(mut text: &str) -> Read {
    let mut read = Read::new();
    while let Some((name, rest)) = text.trim_start().split_once("='") {
        let (mut value, mut letters) = (String::new(), rest.chars());
        while let Some(letter) = letters.next().filter(|letter| *letter != '\'') {
            value.push(if letter == '\\' { letters.next().unwrap() } else { letter });
        }
        assert_eq!(read.insert(name.to_owned(), value), None, "{name} comes twice");
        text = letters.as_str();
    }
    read
}

fn read_pairs(text: &str) -> Read {
    let pairs = text.split(';').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn flatten(prefix: &str, value: &Value, read: &mut Read) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| flatten(&format!("{prefix}.{name}"), value, read))
        }
        Value::String(text) => drop(read.insert(prefix[1..].to_owned(), text.clone())),
        other => drop(read.insert(prefix[1..].to_owned(), other.to_string())),
    }
}

pub(super) fn read_url(case: &Case, format: Format, text: &str) -> Read {
    let url = url::Url::parse(text.strip_prefix("jdbc:").unwrap_or(text)).unwrap();
    assert_eq!(url.fragment(), None);
    let mut read: Read =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if format == Format::Mysql2 {
        // It takes each of them for JSON, if that is what it is.
        for (name, value) in std::mem::take(&mut read) {
            let value = serde_json::from_str(&value).unwrap_or(Value::String(value));
            flatten(&format!(".{name}"), &value, &mut read);
        }
    }
    let host = url.host_str().map(|host| percent_decoded(host.trim_matches(['[', ']'])));
    // Such parsers write addresses in their own way.
    let host = host.map(|host| match (host.parse::<IpAddr>(), case.host.parse::<IpAddr>()) {
        (Ok(read), Ok(said)) if read == said => case.host.clone(),
        _ => host,
    });
    let parts = [
        (Parameter::Host, host),
        (Parameter::Port, url.port().map(|port| port.to_string())),
        (Parameter::User, Some(percent_decoded(url.username()))),
        (Parameter::Password, url.password().map(percent_decoded)),
        (Parameter::Dbname, url.path().strip_prefix('/').map(percent_decoded)),
    ];
    let says = format.reader(case.protocol).unwrap().says;
    for (part, value) in parts {
        if let (Some((_, name)), Some(value)) = (says.iter().find(|(parameter, _)| *parameter == part), value)
        {
            assert_eq!(read.insert((*name).to_owned(), value), None, "{name} comes twice");
        }
    }
    read
}
