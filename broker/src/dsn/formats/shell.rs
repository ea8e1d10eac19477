//! One command that opens a session, for a POSIX shell. The secret goes into the environment of the client and not into
//! its arguments, which everyone on the machine can list.

use crate::dsn::Parameter::{Password, Sslmode};
use crate::dsn::formats::keyword::conninfo;
use crate::dsn::formats::my_cnf::MARIADB;
use crate::dsn::formats::{LIBPQ_ALONE, Reader, Spec, TEXT};
use crate::dsn::posix::push_quoted;
use crate::dsn::{Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader { open: OPEN, render: psql, ..LIBPQ_ALONE }),
    mysql: Some(&Reader { takes: |_, _| true, open: OPEN, render: mariadb, ..MARIADB }),
};

const OPEN: &str = "eval \"$dsn\"";

fn psql(settings: &Settings<'_>) -> String {
    let conninfo = conninfo(settings.without(Password));
    // A service would win over nothing that is said, and add what is not; an address would win over the host.
    let mut text =
        "(unset PGSERVICE PGHOSTADDR PGTARGETSESSIONATTRS PGCHANNELBINDING PGSSLNEGOTIATION; PGPASSWORD="
            .to_owned();
    push_quoted(settings.text(Password), &mut text);
    text.push_str(" psql ");
    push_quoted(Value::Text(&conninfo), &mut text);
    text.push_str(")\n");
    text
}

fn mariadb(settings: &Settings<'_>) -> String {
    let mut text = "MYSQL_PWD=".to_owned();
    push_quoted(settings.text(Password), &mut text);
    // No file of options may weaken it; the host `localhost` would be taken for a socket, which has no TLS; names are not
    // in the characters of whatever terminal there is.
    text.push_str(" mariadb --no-defaults --protocol=tcp --default-character-set=utf8mb4");
    if settings.text(Sslmode) == Value::Text("0") {
        text.push_str(" --ssl=0");
    }
    for (option, value) in settings.without(Password) {
        text.push_str(" --");
        text.push_str(option);
        text.push('=');
        push_quoted(value, &mut text);
    }
    text.push('\n');
    text
}
