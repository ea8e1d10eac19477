//! `postgresql://user:password@host:port/dbname?key=value`
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>), and the same for MySQL.
//!
//! For MySQL there is no manual that all drivers follow. They agree on what stands in front of the `?`; behind it
//! stands what sqlx, Django's `dj-database-url` and their like read, and each of the others has names of its own:
//! only what is needed to verify the server is said.

use std::net::Ipv6Addr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::dsn::{Parameter, Parameters, Target};
use crate::model::Protocol;

pub(super) fn render(_: &Target<'_>, parameters: &Parameters<'_>) -> String {
    render_without(&[], parameters)
}

/// The URI without some of the parameters that may stand after the `?`.
pub(super) fn render_without(left_out: &[Parameter], parameters: &Parameters<'_>) -> String {
    let mut uri = String::with_capacity(512);
    let text = |parameter| parameters.text(parameter);
    let (scheme, never) = match parameters.protocol() {
        Protocol::Postgres => ("postgresql://", [].as_slice()),
        Protocol::Mysql => ("mysql://", NOT_FOR_MYSQL),
    };
    uri.push_str(scheme);
    text(Parameter::User).with_text(|user| encode(user, &mut uri));
    uri.push(':');
    text(Parameter::Password).with_text(|password| encode(password, &mut uri));
    uri.push('@');
    text(Parameter::Host).with_text(|host| push_host(host, &mut uri));
    uri.push(':');
    text(Parameter::Port).with_text(|port| uri.push_str(port));
    uri.push('/');
    text(Parameter::Dbname).with_text(|dbname| encode(dbname, &mut uri));
    let mut separator = '?';
    for (parameter, value) in parameters.expose() {
        if [IN_FRONT, left_out, never].iter().any(|list| list.contains(&parameter)) {
            continue;
        }
        uri.push(separator);
        uri.push_str(parameter.keyword(parameters.protocol()));
        uri.push('=');
        value.with_text(|value| encode(value, &mut uri));
        separator = '&';
    }
    uri
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

fn encode(text: &str, uri: &mut String) {
    uri.extend(utf8_percent_encode(text, SPECIAL));
}

/// Only what RFC 3986 §2.3 calls unreserved stands for itself: a `+` is a space to half of the drivers and a
/// plus to the others, and of the rest each is special to someone.
const SPECIAL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stands before the `?`.
const IN_FRONT: &[Parameter] =
    &[Parameter::Host, Parameter::Port, Parameter::User, Parameter::Password, Parameter::Dbname];

/// What no two drivers for MySQL call the same.
const NOT_FOR_MYSQL: &[Parameter] = &[Parameter::ConnectTimeout, Parameter::ApplicationName];
