//! URIs (RFC 3986): what all formats that are one have in common.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::dsn::{Parameter, Settings, Value};

/// `scheme://user:password@host:port/dbname?…`, with all other settings behind the `?`; without user and password where
/// these are not said.
pub(super) fn uri(scheme: &str, settings: &Settings<'_>) -> String {
    uri_of(scheme, settings, SPECIAL, settings.options())
}

/// The same, with other options behind the `?`, and with a database in which only this is encoded.
pub(super) fn uri_of<'a, 'b>(
    scheme: &str,
    settings: &Settings<'_>,
    special_in_path: &'static AsciiSet,
    options: impl Iterator<Item = (&'a str, Value<'b>)>,
) -> String {
    let mut uri = String::with_capacity(512);
    let text = |parameter| settings.text(parameter);
    uri.push_str(scheme);
    uri.push_str("://");
    if let Some(user) = settings.get(Parameter::User) {
        user.with_text(|user| encode(user, &mut uri));
        uri.push(':');
        text(Parameter::Password).with_text(|password| encode(password, &mut uri));
        uri.push('@');
    }
    text(Parameter::Host).with_text(|host| push_host(host, &mut uri));
    uri.push(':');
    text(Parameter::Port).with_text(|port| uri.push_str(port));
    uri.push('/');
    text(Parameter::Dbname).with_text(|dbname| uri.extend(utf8_percent_encode(dbname, special_in_path)));
    push_options(options, &mut uri);
    uri
}

/// `?key=value&…`
pub(super) fn push_options<'a, 'b>(options: impl Iterator<Item = (&'a str, Value<'b>)>, uri: &mut String) {
    let mut separator = '?';
    for (name, value) in options {
        uri.push(separator);
        uri.push_str(name);
        uri.push('=');
        value.with_text(|value| encode(value, uri));
        separator = '&';
    }
}

fn push_host(host: &str, uri: &mut String) {
    // A zone (`fe80::1%eth0`) is part of the literal (RFC 6874 §2).
    let (address, zone) = host.split_once('%').map_or((host, None), |(address, zone)| (address, Some(zone)));
    if address.parse::<Ipv6Addr>().is_err() {
        return encode(host, uri);
    }
    uri.push('[');
    uri.push_str(address);
    if let Some(zone) = zone {
        uri.push_str("%25");
        encode(zone, uri);
    }
    uri.push(']');
}

pub(super) fn encode(text: &str, uri: &mut String) {
    uri.extend(utf8_percent_encode(text, SPECIAL));
}

/// Only what RFC 3986 §2.3 calls unreserved stands for itself: a `+` is a space to half of the drivers and a
/// plus to the others, and of the rest each is special to someone.
pub(super) const SPECIAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
