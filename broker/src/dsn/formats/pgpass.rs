//! `host:port:dbname:user:password`, a line of a password file
//! (<https://www.postgresql.org/docs/current/libpq-pgpass.html>).

use crate::dsn::Parameter::{Dbname, Host, Password, Port, User};
use crate::dsn::Settings;
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::reader::{Ca, ChannelBinding, DirectTls, Timeout, Trusts};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        says: &[(Host, "host"), (Port, "port"), (Dbname, "dbname"), (User, "user"), (Password, "password")],
        ca: Ca::Elsewhere,
        channel_binding: ChannelBinding::None,
        direct_tls: DirectTls::Ignored,
        timeout: Timeout::InCode,
        trust: Trusts::InCode,
        needs: &[],
        traps: &[
            "it is ignored if others may read it: mode 0600",
            "asyncpg takes a backslash in it for a part of the password",
        ],
        open: "chmod 600 /path/where/you/saved/it\nPGPASSFILE=/path/where/you/saved/it psql 'host=… port=… dbname=… user=… sslmode=verify-full sslrootcert=…'",
        render,
        ..LIBPQ
    }),
    mysql: None,
};

fn render(settings: &Settings<'_>) -> String {
    let mut line = String::with_capacity(256);
    for (_, value) in settings.expose() {
        if !line.is_empty() {
            line.push(':');
        }
        value.with_text(|field| escape(field, &mut line));
    }
    line.push('\n');
    line
}

fn escape(field: &str, line: &mut String) {
    // A lone `*` matches anything, and a `#` in front makes the line a comment.
    if field == "*" || field.starts_with('#') {
        line.push('\\');
    }
    for letter in field.chars() {
        if matches!(letter, '\\' | ':') {
            line.push('\\');
        }
        line.push(letter);
    }
}
