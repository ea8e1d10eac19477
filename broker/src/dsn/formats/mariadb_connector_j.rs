//! A URL for MariaDB Connector/J (<https://mariadb.com/docs/connectors/mariadb-connector-j/about-mariadb-connector-j>). Nothing in
//! it is encoded: it is never decoded.

use crate::dsn::Parameter::{self, ApplicationName, ConnectMillis, Dbname, Host, Port, Sslmode, Sslrootcert};
use crate::dsn::Settings;
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Credentials, Modes, Roots, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: None, mysql: Some(&READER) };

pub(super) const READER: Reader = Reader {
    driver: "MariaDB Connector/J 3.5 and 4.0",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (Dbname, "dbname"),
        (Sslmode, "sslMode"),
        (Sslrootcert, "serverSslCert"),
        (ConnectMillis, "connectTimeout"),
        (ApplicationName, "connectionAttributes"),
    ],
    // Without a file it lets a server by that no root vouches for, so that the server may prove (as MariaDB does from 11.4 on) that
    // it knows the password: it would tell anybody the user, and a hash to try passwords with.
    roots: Roots::Bundle,
    modes: Modes { verify_full: "verify-full", verify_ca: Some("verify-ca"), plaintext: Some("disable") },
    trust: Trusts::Exclusive,
    timeout: Timeout::InText,
    // It does whenever the server asks, over TLS.
    cleartext: true,
    credentials: Credentials::Beside,
    takes,
    needs: &[],
    traps: &[
        "without `serverSslCert` it would tell any server the user, and a hash to try passwords with, so a file is always said",
    ],
    open: super::pgjdbc::OPEN,
    render,
    ..MYSQL_URL
};

pub(super) fn takes(parameter: Parameter, text: &str) -> bool {
    let special: &[char] = match parameter {
        Dbname => &['?'],
        Sslrootcert => &['&'],
        ApplicationName => &['&', ','],
        _ => return true,
    };
    // It looks for lists of hosts in all of the URL.
    !text.contains(special) && !text.to_lowercase().contains("address=(")
}

pub(super) fn render(settings: &Settings<'_>) -> String {
    let mut url = String::from("jdbc:mariadb://");
    settings.text(Host).with_text(|host| match host.contains(':') {
        true => url.extend(["[", host, "]"]),
        false => url.push_str(host),
    });
    for (before, parameter) in [(":", Port), ("/", Dbname)] {
        url.push_str(before);
        settings.text(parameter).with_text(|text| url.push_str(text));
    }
    let mut separator = '?';
    for (name, value) in settings.options() {
        url.push(separator);
        url.extend([name, "="]);
        if name == "connectionAttributes" {
            url.push_str("program_name:");
        }
        value.with_text(|value| url.push_str(value));
        separator = '&';
    }
    url
}
