//! One command that opens a session, for a POSIX shell. The secret goes into the environment of the client and not into
//! its arguments, which everyone on the machine can list.

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::{LIBPQ, MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Timeout, Trusts};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader { open: OPEN, render: psql, ..LIBPQ }),
    mysql: Some(&Reader {
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "user"),
            (Password, "MYSQL_PWD"),
            (Dbname, "database"),
            (Sslmode, "ssl-verify-server-cert"),
            (Sslrootcert, "ssl-ca"),
            (ConnectTimeout, "connect-timeout"),
        ],
        modes: Modes { verify_full: "1", verify_ca: None, plaintext: Some("0") },
        trust: Trusts::Exclusive,
        timeout: Timeout::InText,
        // This client shows a password, where the server asks for that, without being told to.
        cleartext: true,
        open: OPEN,
        render: mariadb,
        ..MYSQL_URL
    }),
};

const OPEN: &str = "eval \"$dsn\"";

fn psql(settings: &Settings<'_>) -> String {
    let mut conninfo = String::with_capacity(512);
    for (keyword, value) in settings.expose().filter(|(keyword, _)| *keyword != "password") {
        conninfo.push_str(keyword);
        conninfo.push_str("='");
        value.with_text(|value| conninfo.push_str(&value.replace('\\', r"\\").replace('\'', r"\'")));
        conninfo.push_str("' ");
    }
    // A service would win over nothing that is said, and add what is not; an address would win over the host.
    let mut text =
        "(unset PGSERVICE PGHOSTADDR PGTARGETSESSIONATTRS PGCHANNELBINDING PGSSLNEGOTIATION; PGPASSWORD="
            .to_owned();
    quote(settings.text(Password), &mut text);
    text.push_str(" psql ");
    quote(Value::Text(conninfo.trim_end()), &mut text);
    text.push_str(")\n");
    text
}

fn mariadb(settings: &Settings<'_>) -> String {
    let mut text = "MYSQL_PWD=".to_owned();
    quote(settings.text(Password), &mut text);
    // No file of options may weaken it; the host `localhost` would be taken for a socket, which has no TLS.
    text.push_str(" mariadb --no-defaults --protocol=tcp");
    if settings.text(Sslmode) == Value::Text("0") {
        text.push_str(" --ssl=0");
    }
    for (option, value) in settings.expose().filter(|(option, _)| *option != "MYSQL_PWD") {
        text.push_str(" --");
        text.push_str(option);
        text.push('=');
        quote(value, &mut text);
    }
    text.push('\n');
    text
}

/// Inside single quotes a shell reads everything as it stands, except their end (POSIX XCU §2.2.2).
fn quote(value: Value<'_>, text: &mut String) {
    text.push('\'');
    value.with_text(|value| text.push_str(&value.replace('\'', r"'\''")));
    text.push('\'');
}
