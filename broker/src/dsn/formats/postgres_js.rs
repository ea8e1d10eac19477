//! The options of postgres.js (<https://github.com/porsager/postgres#all-postgres-options>).

use crate::dsn::Parameter::{ApplicationName, CaPem, ConnectTimeout, Dbname, Host, Password, Port, User};
use crate::dsn::Value;
use crate::dsn::formats::{JSON, LIBPQ, Reader, Spec};
use crate::dsn::object::object;
use crate::dsn::reader::{Ca, ChannelBinding, DirectTls, Modes, Pooled, Roots};

pub(in crate::dsn) const SPEC: Spec = Spec {
    media_type: JSON,
    postgres: Some(&Reader {
        driver: "postgres.js 3.4",
        says: &[
            (Host, "host"),
            (Port, "port"),
            (User, "username"),
            (Password, "password"),
            (Dbname, "database"),
            (CaPem, "ssl.ca"),
            (ConnectTimeout, "connect_timeout"),
            (ApplicationName, "connection.application_name"),
        ],
        modes: Modes::ALL,
        roots: Roots::Silence,
        ca: Ca::Pem,
        channel_binding: ChannelBinding::None,
        direct_tls: DirectTls::Ignored,
        addresses: false,
        pooled: Pooled::InText(&[("prepare", Value::Flag(false))]),
        needs: &[],
        traps: &[
            "without a CA of its own, Node's compiled-in roots are trusted, not the system's, unless it runs with --use-system-ca",
        ],
        open: "import postgres from 'postgres';\n\nconst sql = postgres(JSON.parse(dsn));",
        render: |settings| object(r#"{"ssl":{"rejectUnauthorized":true}}"#, settings),
        ..LIBPQ
    }),
    mysql: None,
};
