//! The DSN of Go-MySQL-Driver (<https://github.com/go-sql-driver/mysql#dsn-data-source-name>). Which private CA to trust it can
//! be told by code alone: without, the same text trusts the system's roots, and the server is refused.

use std::net::Ipv6Addr;

use crate::dsn::Parameter::{
    self, ApplicationName, CleartextPlugin, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, User,
};
use crate::dsn::Settings;
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, Modes, Timeout, Trusts};
use crate::dsn::uri::encode;

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: None, mysql: Some(&READER) };

pub(super) const READER: Reader = Reader {
    driver: "Go-MySQL-Driver 1.10",
    says: &[
        (User, "user"),
        (Password, "password"),
        (Host, "host"),
        (Port, "port"),
        (Dbname, "dbname"),
        (Sslmode, "tls"),
        (CleartextPlugin, "allowCleartextPasswords"),
        (ConnectTimeout, "timeout"),
        (ApplicationName, "connectionAttributes"),
    ],
    modes: Modes { verify_full: "true", verify_ca: None, plaintext: Some("false") },
    ca: Ca::Code,
    trust: Trusts::InCode,
    timeout: Timeout::InText,
    cleartext: true,
    takes,
    traps: &[
        "the timeout is that of reaching the server: a context bounds the rest",
        "without the lines for a private CA the system's roots are trusted, and the server is refused",
    ],
    open: "\
import (
	\"database/sql\"

	_ \"github.com/go-sql-driver/mysql\"
)

db, err := sql.Open(\"mysql\", dsn)",
    open_private: Some(
        "\
import (
	\"crypto/x509\"
	\"database/sql\"

	\"github.com/go-sql-driver/mysql\"
)

config, err := mysql.ParseDSN(dsn)
if err != nil {
	return err
}
config.TLS.RootCAs = x509.NewCertPool()
config.TLS.RootCAs.AppendCertsFromPEM([]byte(ca_pem))
connector, err := mysql.NewConnector(config)
if err != nil {
	return err
}
db := sql.OpenDB(connector)",
    ),
    render,
    ..MYSQL_URL
};

/// User and password stand in it as they are, up to the first `:` and the last `@`.
fn takes(parameter: Parameter, text: &str) -> bool {
    match parameter {
        User => !text.contains(':'),
        Host => !text.contains(['/', '@', '(', ')']),
        ApplicationName => !text.contains(','),
        _ => true,
    }
}

fn render(settings: &Settings<'_>) -> String {
    let mut dsn = String::with_capacity(512);
    let push = |dsn: &mut String, parameter| settings.text(parameter).with_text(|text| dsn.push_str(text));
    push(&mut dsn, User);
    dsn.push(':');
    push(&mut dsn, Password);
    dsn.push_str("@tcp(");
    settings.text(Host).with_text(|host| match host.parse::<Ipv6Addr>() {
        Ok(_) => dsn.extend(["[", host, "]"]),
        Err(_) => dsn.push_str(host),
    });
    dsn.push(':');
    push(&mut dsn, Port);
    dsn.push_str(")/");
    settings.text(Dbname).with_text(|dbname| encode(dbname, &mut dsn));
    let mut separator = "?";
    for (parameter, before, after) in [
        (Sslmode, "tls=", ""),
        (ConnectTimeout, "timeout=", "s"),
        (ApplicationName, "connectionAttributes=program_name%3A", ""),
    ] {
        let Some(value) = settings.get(parameter) else { continue };
        dsn.extend([separator, before]);
        value.with_text(|value| encode(value, &mut dsn));
        dsn.push_str(after);
        separator = "&";
    }
    if settings.get(CleartextPlugin).is_some() {
        dsn.push_str("&allowCleartextPasswords=true");
    }
    dsn
}
