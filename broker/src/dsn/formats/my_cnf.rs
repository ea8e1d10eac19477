//! `name="value"`, an option file for the clients of MariaDB
//! (<https://mariadb.com/kb/en/configuring-mariadb-with-option-files/>).
//!
//! The clients of MySQL do not know `ssl-verify-server-cert` and stop: no file makes both of them verify the server.
//! `enable-cleartext-plugin` is left out: these clients show a password, where the server asks for that, without being
//! told to; by then its certificate is verified. What the sessions call themselves is left out, since these clients do
//! not let one say it.

use crate::dsn::Parameter::{ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslrootcert, User};
use crate::dsn::formats::{MYSQL_URL, Reader, Spec, TEXT};
use crate::dsn::reader::{Modes, Roots, Timeout, Trusts};
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec { media_type: TEXT, postgres: None, mysql: Some(&MARIADB) };

/// The clients of MariaDB.
pub(super) const MARIADB: Reader = Reader {
    driver: "the clients of MariaDB 10.11",
    says: &[
        (Host, "host"),
        (Port, "port"),
        (User, "user"),
        (Password, "password"),
        (Sslrootcert, "ssl-ca"),
        (ConnectTimeout, "connect-timeout"),
        // It must have a value: libmariadb takes the name alone for nothing.
        (Sslmode, "ssl-verify-server-cert"),
        (Dbname, "database"),
    ],
    modes: Modes { verify_full: "1", verify_ca: None, plaintext: Some("0") },
    // From 11.4 on these clients forgive a certificate that no authority vouches for where they are told of none, if the
    // server knows the password; with a file of authorities they do not.
    roots: Roots::Bundle,
    trust: Trusts::Exclusive,
    cleartext: true,
    timeout: Timeout::InText,
    takes: |_, value| fits_in_a_line(value),
    traps: &[],
    // With `--defaults-extra-file` the user's own file would go before it.
    open: "mariadb --defaults-file=/path/where/you/saved/it",
    render: |settings| option_file(settings, "mariadb-client"),
    ..MYSQL_URL
};

/// The settings, as the group of all clients and that of one program: at what only this one knows, the others stop.
pub(super) fn option_file(settings: &Settings<'_>, program: &str) -> String {
    let mut text = String::with_capacity(512);
    // The host `localhost` would be taken for a socket, which has no TLS.
    text.push_str("[client]\nprotocol=tcp\n");
    if settings.text(Sslmode) == Value::Text("0") {
        text.push_str("ssl=0\n");
    }
    let (of_program, of_all): (Vec<_>, Vec<_>) =
        settings.expose().partition(|(name, _)| matches!(*name, "connect-timeout" | "database"));
    of_all.into_iter().for_each(|(name, value)| push(name, value, &mut text));
    text.push('[');
    text.push_str(program);
    // Names are not in the characters of whatever terminal there is.
    text.push_str("]\ndefault-character-set=utf8mb4\n");
    of_program.into_iter().for_each(|(name, value)| push(name, value, &mut text));
    text
}

/// The clients read lines into 4096 bytes (`mysys/my_default.c`).
pub(super) fn fits_in_a_line(value: &str) -> bool {
    value.len() + value.matches(['"', '\\']).count() <= 4000
}

/// A line of an option file.
pub(super) fn push(name: &str, value: Value<'_>, text: &mut String) {
    text.push_str(name);
    text.push('=');
    match (name, value) {
        ("ssl-verify-server-cert", _) => value.with_text(|value| text.push_str(value)),
        // The libraries read digits alone.
        (_, Value::Flag(flag)) => quote(if flag { "1" } else { "0" }, text),
        _ => value.with_text(|value| quote(value, text)),
    }
    text.push('\n');
}

fn quote(value: &str, text: &mut String) {
    text.push('"');
    for letter in value.chars() {
        if matches!(letter, '\\' | '"') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}
