//! `export PGHOST='…'`, for a POSIX shell to source
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>).

use crate::dsn::Parameter::{
    ApplicationName, ChannelBinding, ConnectTimeout, Dbname, Host, Password, Port, Sslmode, Sslnegotiation,
    Sslrootcert, TargetSessionAttrs, User,
};
use crate::dsn::formats::{LIBPQ, Reader, Spec, TEXT};
use crate::dsn::posix::push_quoted;
use crate::dsn::{Parameter, Settings, Value};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: TEXT,
    postgres: Some(&Reader {
        says: VARIABLES,
        always: &[("PGGSSENCMODE", Value::Text("disable"))],
        open: ". /path/where/you/saved/it\npsql",
        render,
        ..LIBPQ
    }),
    mysql: None,
};

const VARIABLES: &[(Parameter, &str)] = &[
    (Host, "PGHOST"),
    (Port, "PGPORT"),
    (User, "PGUSER"),
    (Password, "PGPASSWORD"),
    (Dbname, "PGDATABASE"),
    (Sslmode, "PGSSLMODE"),
    (Sslrootcert, "PGSSLROOTCERT"),
    (Sslnegotiation, "PGSSLNEGOTIATION"),
    (ChannelBinding, "PGCHANNELBINDING"),
    (TargetSessionAttrs, "PGTARGETSESSIONATTRS"),
    (ConnectTimeout, "PGCONNECT_TIMEOUT"),
    (ApplicationName, "PGAPPNAME"),
];

fn render(settings: &Settings<'_>) -> String {
    let mut text = String::with_capacity(512);
    // A service would win over everything below, the TLS mode included; an address over the host; and
    // the attributes of a text sourced earlier would outlive it.
    text.push_str("unset PGSERVICE PGHOSTADDR");
    for (parameter, variable) in VARIABLES {
        if settings.get(*parameter).is_none() {
            text.push(' ');
            text.push_str(variable);
        }
    }
    text.push('\n');
    for (variable, value) in settings.expose() {
        text.push_str("export ");
        text.push_str(variable);
        text.push('=');
        push_quoted(value, &mut text);
        text.push('\n');
    }
    text
}
